"""Parameter sweeps: every combination of the values listed in overrides, in Hydra's notation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException


def sweep_overrides(overrides: Sequence[str]) -> list[list[str]]:
    """Overrides of each run of a sweep, in the order of Hydra's basic sweeper: the last override varies fastest.

    Parameters
    ----------
    overrides : sequence of str
        Each ``key=value``; ``key=a,b``, ``key=range(1,4)`` and ``key=choice(a,b)`` list several values. A single value
        that is a list is written in brackets, ``input=[a,b]``.

    Returns
    -------
    list of list of str
        One list of overrides per run; a single list if nothing varies.

    Raises
    ------
    ValueError
        If an override does not follow Hydra's grammar.

    Examples
    --------
    >>> sweep_overrides(["epochs=2", "model=unet,vit_head", "seed=range(0,2)"])[1:3]
    [['epochs=2', 'model=unet', 'seed=1'], ['epochs=2', 'model=vit_head', 'seed=0']]
    """
    choices = []
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException as error:
            raise ValueError(f"{text!r} is not an override of a sweep: {' '.join(str(error).split())}") from error
        key = override.get_key_element()
        values = list(override.sweep_string_iterator()) if override.is_sweep_override() else None
        choices.append([text] if values is None else [f"{key}={value}" for value in values])
    return [list(run) for run in itertools.product(*choices)]


def varied(runs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Overrides by which each run of a sweep differs from the others.

    Examples
    --------
    >>> varied([["epochs=2", "seed=0"], ["epochs=2", "seed=1"]])
    [['seed=0'], ['seed=1']]
    """
    columns = [column for column in range(len(runs[0])) if len({run[column] for run in runs}) > 1]
    return [[run[column] for column in columns] for run in runs]
