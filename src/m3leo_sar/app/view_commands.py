"""The command that shows any pair of a stack in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.manner import manner
from m3leo_sar.app.progress import ERR, LISTS
from m3leo_sar.io.remote.remote_address import file_at

commands = typer.Typer()


@commands.command()
def view(
    source: Annotated[
        # Or a RemoteFile, of which typer takes no union.
        Path,
        typer.Argument(
            parser=file_at, metavar="STACK|TILES|ARCHIVE", help="Stack, store of SLC tiles, or chip archive."
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of this machine; 0 for any free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    window: Annotated[
        str | None, typer.Option(help="Coherence window, ROWSxCOLS in samples of the stack; default: 5x20.")
    ] = None,
    cache: Annotated[int, typer.Option(min=0, help="MB of samples and maps that are kept in memory.")] = 256,
    tiles: options.Tiles = None,
    lattice: Annotated[
        str | None, typer.Option(help="Tiles of a stack: legacy (M3LEO's own) or exact (UTM squares).")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of another page that may read maps, such as http://localhost:8888; can be repeated."),
    ] = None,
    burst: options.Burst = None,
    polarisation: options.Polarisation = None,
    frequency: options.Frequency = None,
    nodata: options.NoData = None,
    flattened: options.Flattened = None,
    reader: options.Reader = None,
) -> None:
    """Show any pair in a browser, computed when it is viewed; also as map tiles for QGIS and other programs.

    The server answers programs of this machine alone that have its address. Ctrl-C ends it.

    Examples: m3leo-sar view stack; m3leo-sar view stack --no-browser --port 8765
    """
    from m3leo_sar.view.asked_pair import window_from
    from m3leo_sar.view.explorer import Explorer
    from m3leo_sar.view.server import serve

    explorer = Explorer.open(
        source,
        tiles=tiles,
        window=window_from(window) if window else None,
        cache_bytes=cache << 20,
        lattice=lattice,
        burst=burst,
        polarisation=options.polarisation_of(polarisation),
        frequency=frequency,
        nodata=nodata,
        flattened=flattened,
        reader=reader,
    )
    with serve(explorer, port=port, open_browser=browser, origins=allow_origin or ()) as server:
        # A quiet command prints it too: without its token no page is shown.
        if manner().as_json:
            show(CommandResult(facts={"url": server.url, "tiles": len(explorer.tiles), "dates": explorer.dates}))
        else:
            LISTS.print(server.url, markup=False, soft_wrap=True)
        ERR.print(f"{len(explorer.tiles)} tiles, {len(explorer.dates)} dates; Ctrl-C ends the server")
        try:
            server.wait()
        except KeyboardInterrupt:
            ERR.print("ended")
    explorer.close()
