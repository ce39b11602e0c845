# distutils: language = c++
"""A burst onto the pixels of another acquisition, over OpenMP threads (coregister_cpu.h, formulas in coregister.h)."""

cdef extern from "coregister_cpu.h" namespace "m3" nogil:
    cdef struct HeightPosts:
        const float* height
        long long rows, cols
        int row_step, col_step
    cdef cppclass BurstLines[Part]:
        const Part* parts
        const long long* valid
        long long rows, cols
    cdef struct CoregisterJob:
        const float* still
        const unsigned char* found
        long long first_line, lines, cols
        const double* model
        HeightPosts posts
        long long first_row, out_rows, out_cols
        double flatten
        float* values
        short* stored
        float inverse

    void coregister_still[Part](
        const BurstLines[Part]& burst, const double* model, long long first, long long rows, float* out,
        unsigned char* found)
    long long coregister_any(const CoregisterJob& job, const double* down, const double* right, int taps)

ctypedef fused Part:
    float
    short


def still(const Part[:, :, ::1] lines, valid, const double[::1] model, long long first, float[:, :, ::1] out,
          unsigned char[:, ::1] found):
    """Lines of a burst from `first` on without their carrier; `valid` is None or the first and last column of each
    line; `found` holds for every 64 columns whether a sample is finite."""
    cdef BurstLines[Part] burst
    cdef const long long[:, ::1] ends
    burst.parts = &lines[0, 0, 0]
    burst.valid = NULL
    burst.rows, burst.cols = lines.shape[0], lines.shape[1]
    if valid is not None:
        ends = valid
        burst.valid = &ends[0, 0]
    with nogil:
        coregister_still(burst, &model[0], first, out.shape[0], &out[0, 0, 0], &found[0, 0])


def coregister(const float[:, :, ::1] window, const unsigned char[:, ::1] found, long long first_line,
               const double[::1] model, const float[:, ::1] posts, steps, const double[:, ::1] down,
               const double[:, ::1] right, long long first_row, bint flatten, values, stored, float inverse):
    """Pixels of the reference from a window of lines without carrier, into `values` (float32) or `stored` (int16), the
    other being None; the number of samples that did not fit into int16."""
    cdef CoregisterJob job
    cdef float[:, :, ::1] as_float
    cdef short[:, :, ::1] as_short
    cdef long long full
    job.still, job.found, job.model = &window[0, 0, 0], &found[0, 0], &model[0]
    job.first_line, job.lines, job.cols = first_line, window.shape[0], window.shape[1]
    job.posts.height, job.posts.rows, job.posts.cols = &posts[0, 0], posts.shape[0], posts.shape[1]
    job.posts.row_step, job.posts.col_step = steps
    job.first_row, job.flatten, job.inverse = first_row, 1.0 if flatten else 0.0, inverse
    job.values = NULL
    job.stored = NULL
    if values is not None:
        as_float = values
        job.values, job.out_rows, job.out_cols = &as_float[0, 0, 0], as_float.shape[0], as_float.shape[1]
    else:
        as_short = stored
        job.stored, job.out_rows, job.out_cols = &as_short[0, 0, 0], as_short.shape[0], as_short.shape[1]
    with nogil:
        full = coregister_any(job, &down[0, 0], &right[0, 0], <int>right.shape[1])
    return full
