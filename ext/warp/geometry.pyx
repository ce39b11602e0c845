# distutils: language = c++
"""Where the ground lies in a radar image: points or rows of a tile over OpenMP threads (formulas in geometry.h)."""

from cython.parallel cimport prange

cdef extern from "geometry.h" namespace "m3" nogil:
    cdef struct Vector3:
        double x, y, z
    cdef struct RadarPoint:
        double time, range
    cdef struct Geodetic:
        double longitude, latitude, height
    cdef struct TileGround:
        const double* down
        const double* along
        int terms
        long long rows, cols
        const double* height

cdef extern from "shade.h" namespace "m3" nogil:
    cdef struct Sights:
        const double* range
        const double* look
        const double* bounds
        long long rows, cols
        int levels
    long long blocks_along(long long size, int level)
    void block_bounds(const Sights& sights, int level, long long block, double dy, double dx, double* bounds)

cdef extern from "ground.h" namespace "m3" nogil:
    cdef struct Terrain:
        const double* height
        long long rows, cols
        double first_longitude, first_latitude, longitude_step, latitude_step, lowest, highest

cdef extern from "geometry_cpu.h" namespace "m3" nogil:
    cdef struct GroundPlanes:
        const double* row
        const double* col
        double* longitude
        double* latitude
        double* height
        double* incidence
    void point_radar(const double* model, const double* point, double start, double* row, double* col)
    void pixels_ground(const double* model, const Terrain& terrain, const GroundPlanes& planes, long long first,
                       long long last)
    void row_sights(const TileGround& tile, long long r, double* range, double* look)
    void row_radar(const double* model, const TileGround& tile, long long r, double* row, double* col)
    void rows_incidence(const double* model, const TileGround& tile, const double* row, long long first, long long last,
                        double* incidence)
    void block_shade(const Sights& sights, long long first_row, long long first_col, double dy, double dx, int steps,
                     long long rows, long long cols, long long block, unsigned char* out)


def points(const double[::1] model, const double[:, ::1] places, double start, double[::1] row, double[::1] col):
    """Row and column at which Earth-fixed points are seen."""
    cdef long long count = row.shape[0], i
    for i in prange(count, nogil=True, schedule="static"):
        point_radar(&model[0], &places[i, 0], start, &row[i], &col[i])


def ground(const double[::1] model, const double[::1] row, const double[::1] col, const double[:, ::1] height, table,
           double[::1] longitude, double[::1] latitude, double[::1] found, double[::1] incidence):
    """Position, height and incidence of the ground that radar pixels show; ``table`` is the terrain's four grid numbers
    and its range of heights."""
    cdef long long count = row.shape[0], part
    cdef Terrain terrain
    cdef GroundPlanes planes
    if count == 0:
        return
    planes.row, planes.col, planes.longitude, planes.latitude = &row[0], &col[0], &longitude[0], &latitude[0]
    planes.height, planes.incidence = &found[0], &incidence[0]
    terrain.height = &height[0, 0]
    terrain.rows, terrain.cols = height.shape[0], height.shape[1]
    terrain.first_longitude, terrain.first_latitude, terrain.longitude_step, terrain.latitude_step = table[:4]
    terrain.lowest, terrain.highest = table[4:]
    for part in prange((count + 255) // 256, nogil=True, schedule="dynamic"):
        pixels_ground(&model[0], terrain, planes, 256 * part, min(256 * part + 256, count))


cdef TileGround _tile(const double[:, :, ::1] down, const double[:, :, ::1] along, const double[:, ::1] height):
    cdef TileGround tile
    tile.down, tile.along, tile.height = &down[0, 0, 0], &along[0, 0, 0], &height[0, 0]
    tile.terms, tile.rows, tile.cols = <int>along.shape[1], height.shape[0], height.shape[1]
    return tile


def tile(const double[::1] model, const double[:, :, ::1] down, const double[:, :, ::1] along,
         const double[:, ::1] height, double[:, ::1] row, double[:, ::1] col):
    """Radar row and column of every pixel of a tile."""
    cdef TileGround places = _tile(down, along, height)
    cdef long long r
    for r in prange(places.rows, nogil=True, schedule="dynamic", chunksize=4):
        row_radar(&model[0], places, r, &row[0, 0], &col[0, 0])


def incidence(const double[::1] model, const double[:, :, ::1] down, const double[:, :, ::1] along,
              const double[:, ::1] height, const double[:, ::1] row, double[:, ::1] out):
    """Local incidence of every pixel of a tile."""
    cdef TileGround places = _tile(down, along, height)
    cdef long long part
    for part in prange((places.rows + 31) // 32, nogil=True, schedule="dynamic"):
        rows_incidence(&model[0], places, &row[0, 0], 32 * part, min(32 * part + 32, places.rows), &out[0, 0])


def sights(const double[:, :, ::1] down, const double[:, :, ::1] along, const double[:, ::1] height,
           double[:, ::1] distance, double[:, ::1] look):
    """Range and look angle of every pixel of a tile."""
    cdef TileGround places = _tile(down, along, height)
    cdef long long row
    for row in prange(places.rows, nogil=True, schedule="static"):
        row_sights(places, row, &distance[0, 0], &look[0, 0])


cdef Sights _sights(const double[:, ::1] distance, const double[:, ::1] look, const double[:, :, :, ::1] bounds):
    cdef Sights found
    found.range, found.look, found.bounds = &distance[0, 0], &look[0, 0], &bounds[0, 0, 0, 0]
    found.rows, found.cols, found.levels = distance.shape[0], distance.shape[1], <int>bounds.shape[0]
    return found


def bounds(const double[:, ::1] distance, const double[:, ::1] look, double dy, double dx, double[:, :, :, ::1] out):
    """Largest values and falls of blocks of ground, level by level."""
    cdef Sights found = _sights(distance, look, out)
    cdef long long block, count
    cdef int level
    for level in range(found.levels):
        count = blocks_along(found.rows, level) * blocks_along(found.cols, level)
        for block in prange(count, nogil=True, schedule="static"):
            block_bounds(found, level, block, dy, dx, &out[0, 0, 0, 0])


def shade(const double[:, ::1] distance, const double[:, ::1] look, const double[:, :, :, ::1] blocks,
          double dy, double dx, int steps, long long first_row, long long first_col, unsigned char[:, ::1] out):
    """Layover and shadow of the pixels of a tile, whose first one is given."""
    cdef Sights found = _sights(distance, look, blocks)
    cdef long long rows = out.shape[0], cols = out.shape[1], block
    for block in prange(((rows + 7) // 8) * ((cols + 7) // 8), nogil=True, schedule="dynamic", chunksize=8):
        block_shade(found, first_row, first_col, dy, dx, steps, rows, cols, block, &out[0, 0])
