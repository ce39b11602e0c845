/* Hooks by which the emulation counts what a launch asks of a GPU's memory (counts.cpp); a build without M3_SIMT_COUNT has
   none of them. */
#ifndef M3_SIMT_COUNTS_H
#define M3_SIMT_COUNTS_H

#include <stddef.h>
#include <stdint.h>

namespace simt {
namespace counts {

void begin_launch();
void begin_block(const void* shared, size_t bytes, unsigned threads);
/* Lanes of a warp go on together from here: what they did before is put together into warp instructions. */
void meet(unsigned warp);
void meet_all();
void end_block();
void shuffle(unsigned lanes, size_t bytes);

enum Kind { kRead, kWrite, kAtomic };
/* One access by the running thread; `site` tells the instructions of a text apart. */
void access(const void* address, size_t bytes, Kind kind, const void* site);

}  // namespace counts
}  // namespace simt
#endif
