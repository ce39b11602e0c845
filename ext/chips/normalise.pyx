# distutils: language = c++
"""A chip to the input of a network, in one pass: pieces of pixels over OpenMP threads (normalise_cpu.h)."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

cdef extern from "normalise_cpu.h" namespace "m3" nogil:
    cdef struct NormalisedBand:
        pass
    cdef struct NormalisedPlaces:
        pass
    cdef struct StoredPlane:
        const void* data
        int type
    void normalise_chip(const StoredPlane* planes, const NormalisedPlaces* places, const NormalisedBand* recipes,
                        int bands, long long pixels, long long cols, float* values, unsigned char* mask)


def normalise(const int64_t[::1] addresses, const int32_t[::1] types, const int32_t[:, ::1] places,
              const double[:, ::1] recipes, float[:, :, ::1] values, uint8_t[:, :, ::1] mask):
    """Fill values and mask (channels, rows, cols) from planes, given by address and type.

    places (bands, 4) and recipes (bands, 11) hold the fields of normalise.h's structs in order.
    """
    cdef vector[StoredPlane] planes
    cdef StoredPlane plane
    for index in range(addresses.shape[0]):
        plane.data = <const void*><size_t>addresses[index]
        plane.type = types[index]
        planes.push_back(plane)
    with nogil:
        normalise_chip(planes.data(), <const NormalisedPlaces*>&places[0, 0], <const NormalisedBand*>&recipes[0, 0],
                       <int>places.shape[0], values.shape[1] * values.shape[2], values.shape[2], &values[0, 0, 0],
                       &mask[0, 0, 0])
