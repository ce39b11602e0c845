"""Size of the output of a histogram kernel, as in ext/chips/histogram.h."""

#: Bins over [0, 1].
BINS = 4096
#: Valid values, sum, sum of squares, smallest, largest, number below 0, number above 1.
MOMENTS = 7
