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
    cdef struct Terrain:
        const double* height
        long long rows, cols
        double first_longitude, first_latitude, longitude_step, latitude_step, lowest, highest
    cdef struct TileGround:
        const double* down
        const double* along
        int terms
        long long rows, cols
        const double* height
    void tile_radar(const double* model, const TileGround& tile, long long pixel, double* row, double* col)
    void tile_angles(const double* model, const TileGround& tile, const double* row, long long pixel,
                     double* incidence, double* look)
    unsigned char tile_shade(const double* col, const double* look, long long rows, long long cols, double dy,
                             double dx, int steps, long long pixel)

cdef extern from "geometry_cpu.h" namespace "m3" nogil:
    void point_radar(const double* model, const double* point, double start, double* row, double* col)
    void pixel_ground(const double* model, const Terrain& terrain, double row, double col, double* longitude,
                      double* latitude, double* height, double* incidence)


def points(const double[::1] model, const double[:, ::1] places, double start, double[::1] row, double[::1] col):
    """Row and column at which Earth-fixed points are seen."""
    cdef long long count = row.shape[0], i
    for i in prange(count, nogil=True, schedule="static"):
        point_radar(&model[0], &places[i, 0], start, &row[i], &col[i])


def ground(const double[::1] model, const double[::1] row, const double[::1] col, const double[:, ::1] height, table,
           double[::1] longitude, double[::1] latitude, double[::1] found, double[::1] incidence):
    """Position, height and incidence of the ground that radar pixels show; ``table`` is the terrain's four grid numbers
    and its range of heights."""
    cdef long long count = row.shape[0], i
    cdef Terrain terrain
    terrain.height = &height[0, 0]
    terrain.rows, terrain.cols = height.shape[0], height.shape[1]
    terrain.first_longitude, terrain.first_latitude, terrain.longitude_step, terrain.latitude_step = table[:4]
    terrain.lowest, terrain.highest = table[4:]
    for i in prange(count, nogil=True, schedule="dynamic", chunksize=256):
        pixel_ground(&model[0], terrain, row[i], col[i], &longitude[i], &latitude[i], &found[i], &incidence[i])


cdef TileGround _tile(const double[:, :, ::1] down, const double[:, :, ::1] along, const double[:, ::1] height):
    cdef TileGround tile
    tile.down, tile.along, tile.height = &down[0, 0, 0], &along[0, 0, 0], &height[0, 0]
    tile.terms, tile.rows, tile.cols = <int>along.shape[1], height.shape[0], height.shape[1]
    return tile


def tile(const double[::1] model, const double[:, :, ::1] down, const double[:, :, ::1] along,
         const double[:, ::1] height, double[:, ::1] row, double[:, ::1] col):
    """Radar row and column of every pixel of a tile."""
    cdef TileGround places = _tile(down, along, height)
    cdef long long pixel
    for pixel in prange(places.rows * places.cols, nogil=True, schedule="dynamic", chunksize=1024):
        tile_radar(&model[0], places, pixel, &row[0, 0], &col[0, 0])


def angles(const double[::1] model, const double[:, :, ::1] down, const double[:, :, ::1] along,
           const double[:, ::1] height, const double[:, ::1] row, double[:, ::1] incidence, double[:, ::1] look):
    """Local incidence and look angle of every pixel of a tile."""
    cdef TileGround places = _tile(down, along, height)
    cdef long long pixel
    for pixel in prange(places.rows * places.cols, nogil=True, schedule="dynamic", chunksize=1024):
        tile_angles(&model[0], places, &row[0, 0], pixel, &incidence[0, 0], &look[0, 0])


def shade(const double[:, ::1] col, const double[:, ::1] look, double dy, double dx, int steps,
          unsigned char[:, ::1] out):
    """Layover and shadow of every pixel of a tile."""
    cdef long long pixel, rows = col.shape[0], cols = col.shape[1]
    cdef unsigned char* to = &out[0, 0]
    for pixel in prange(rows * cols, nogil=True, schedule="dynamic", chunksize=256):
        to[pixel] = tile_shade(&col[0, 0], &look[0, 0], rows, cols, dy, dx, steps, pixel)
