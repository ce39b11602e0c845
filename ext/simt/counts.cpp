/* Counts what a launch asks of a GPU's memory, from the same texts on the CPU.

   The kernels are compiled with -fsanitize=thread -fsanitize-coverage=trace-pc, and this file takes the place of the
   sanitizers' libraries: each load and store calls __tsan_*, each basic block __sanitizer_cov_trace_pc. The compiler puts
   these calls in after it has optimised, so a value that stays in a register is not counted twice.

   Threads of a block run one after another. The k-th visit of one instruction by a lane, since its warp last met (a barrier,
   a shuffle, a vote), is taken as one warp instruction with the k-th visits of the other lanes.

   What that means, and what it leaves out:
   - lanes that skip a loop's turn are joined with later turns of the others: a lower bound of the instructions of a
     divergent loop. Divergence is counted apart, by basic blocks: threads that entered one over the lanes of the warps
     that did, with as many passes as its busiest lane took;
   - arrays of a kernel that the device's compiler would keep in registers are not counted, nor are its spills, constants
     and arguments;
   - a vector counts as one access only where the text says so (M3_LOAD, M3_STORE); a struct copied plainly counts part by
     part, which is the worst that a device's compiler does;
   - the first-level cache is taken to keep what its own block has read, the second-level one what the launch has: three
     numbers, by warp, block and launch, hold the truth between them;
   - instructions of arithmetic are not counted. */
#include "counts.h"

#include <string.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "simt.h"

namespace simt {
namespace counts {
namespace {

/* In the order of the names in benchmarks/simt_counts.py. */
struct Totals {
  double read_bytes, written_bytes, useful_bytes;          // sectors by warp access; bytes that lanes asked for
  double block_read_bytes, block_written_bytes;            // distinct sectors by block
  double launch_read_bytes, launch_written_bytes;          // distinct sectors by launch
  double global_accesses, shared_cycles, shared_ideal_cycles, shuffle_cycles;
  double atomics, atomic_cycles;                           // warp instructions; turns, as equal addresses wait
  double lanes, lanes_possible;                            // of memory instructions
  double visits, visits_possible;                          // of basic blocks, by thread
};

constexpr size_t kSector = 32, kBanks = 32;

struct Group {
  uint64_t address[32];
  unsigned active;
};

/* One instruction since its warp last met. */
struct Site {
  unsigned visits[32];
  size_t bytes, used;
  Kind kind;
  bool shared;
  std::vector<Group> groups;
};

/* Basic blocks by lane since the warp last met. */
struct Block {
  unsigned visits[32];
  bool met;
};

struct WarpLog {
  std::vector<Site> sites;
  std::vector<Block> blocks;
  std::vector<size_t> sites_met, blocks_met;
};

/* Numbers from 0 on for addresses of code, with the last ones of each slot at hand. */
struct Numbers {
  std::unordered_map<uint64_t, size_t> all;
  struct Slot {
    uint64_t key;
    size_t number;
  } near[4096] = {};
  size_t of(uint64_t key) {
    Slot& slot = near[key * 0x9e3779b97f4a7c15ull >> 52];
    if (slot.key != key) slot = {key, all.emplace(key, all.size()).first->second};
    return slot.number;
  }
};

struct Range {
  uint64_t first, end;
};

Totals totals;
std::vector<Range> arrays;
std::vector<WarpLog> warps;
Numbers site_numbers, block_numbers;
std::unordered_set<uint64_t> block_read, block_written, launch_read, launch_written;
uint64_t shared_first, shared_end;
unsigned threads_of_block;
bool on;

bool is_global(uint64_t address) {
  auto after = std::upper_bound(arrays.begin(), arrays.end(), address, [](uint64_t a, const Range& r) { return a < r.first; });
  return after != arrays.begin() && address < (--after)->end;
}

unsigned lanes_of(unsigned warp) { return std::min(32u, threads_of_block - 32 * warp); }

/* Distinct sectors of one warp access. */
void add_global(const Group& group, const Site& site) {
  uint64_t sectors[32 * 3];
  size_t count = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(group.active >> lane & 1)) continue;
    const uint64_t last = (group.address[lane] + site.bytes - 1) / kSector;
    for (uint64_t sector = group.address[lane] / kSector; sector <= last; ++sector) sectors[count++] = sector;
    totals.useful_bytes += double(site.bytes);
  }
  std::sort(sectors, sectors + count);
  count = std::unique(sectors, sectors + count) - sectors;
  totals.global_accesses += 1;
  const bool reads = site.kind != kWrite;
  (reads ? totals.read_bytes : totals.written_bytes) += double(count * kSector);
  for (size_t k = 0; k < count; ++k) {
    (reads ? block_read : block_written).insert(sectors[k]);
    (reads ? launch_read : launch_written).insert(sectors[k]);
  }
}

/* Turns that the banks take: 8 bytes a lane go by half warps, 16 by quarters. */
void add_shared(const Group& group, const Site& site) {
  const unsigned part = site.bytes > 8 ? 8 : site.bytes > 4 ? 16 : 32;
  for (unsigned first = 0; first < 32; first += part) {
    std::vector<uint64_t> words;
    for (unsigned lane = first; lane < first + part; ++lane) {
      if (!(group.active >> lane & 1)) continue;
      const uint64_t last = (group.address[lane] + site.bytes - 1) / 4;
      for (uint64_t word = group.address[lane] / 4; word <= last; ++word) words.push_back(word);
    }
    if (words.empty()) continue;
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    unsigned bank[kBanks] = {}, busiest = 0;
    for (const uint64_t word : words) busiest = std::max(busiest, ++bank[word % kBanks]);
    totals.shared_cycles += busiest;
    totals.shared_ideal_cycles += 1;
  }
}

void add_atomic(const Group& group) {
  std::unordered_map<uint64_t, unsigned> same;
  unsigned busiest = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    if (group.active >> lane & 1) busiest = std::max(busiest, ++same[group.address[lane]]);
  totals.atomics += 1;
  totals.atomic_cycles += busiest;
}

}  // namespace

void begin_launch() {
  launch_read.clear();
  launch_written.clear();
  on = true;
}

void begin_block(const void* shared, size_t bytes, unsigned threads) {
  shared_first = reinterpret_cast<uint64_t>(shared);
  shared_end = shared_first + bytes;
  threads_of_block = threads;
  warps.resize((threads + 31) / 32);
  block_read.clear();
  block_written.clear();
}

void meet(unsigned warp) {
  const unsigned possible = lanes_of(warp);
  WarpLog& log = warps[warp];
  for (const size_t number : log.sites_met) {
    Site& site = log.sites[number];
    for (size_t k = 0; k < site.used; ++k) {
      const Group& group = site.groups[k];
      if (site.shared) add_shared(group, site);
      else add_global(group, site);
      if (site.kind == kAtomic) add_atomic(group);
      totals.lanes += __builtin_popcount(group.active);
      totals.lanes_possible += possible;
    }
    site.used = 0;
    memset(site.visits, 0, sizeof site.visits);
  }
  for (const size_t number : log.blocks_met) {
    Block& block = log.blocks[number];
    unsigned most = 0;
    for (const unsigned count : block.visits) {
      totals.visits += count;
      most = std::max(most, count);
    }
    totals.visits_possible += double(most) * possible;
    block = Block{};
  }
  log.sites_met.clear();
  log.blocks_met.clear();
}

void meet_all() {
  for (unsigned warp = 0; warp < warps.size(); ++warp) meet(warp);
}

void end_block() {
  meet_all();
  totals.block_read_bytes += double(block_read.size() * kSector);
  totals.block_written_bytes += double(block_written.size() * kSector);
}

void shuffle(unsigned, size_t bytes) { totals.shuffle_cycles += double((bytes + 3) / 4); }

void access(const void* place, size_t bytes, Kind kind, const void* where) {
  const uint64_t address = reinterpret_cast<uint64_t>(place);
  const bool shared = address >= shared_first && address < shared_end;
  if (!on || !(shared || is_global(address))) return;
  const unsigned lane = running->linear & 31u;
  WarpLog& log = warps[running->linear / 32];
  const size_t number = site_numbers.of(reinterpret_cast<uint64_t>(where) * 2 + shared);
  if (log.sites.size() <= number) log.sites.resize(number + 64);
  Site& site = log.sites[number];
  if (site.used == 0) log.sites_met.push_back(number);
  site.bytes = bytes;
  site.kind = kind;
  site.shared = shared;
  const size_t visit = site.visits[lane]++;
  if (visit >= site.used) {
    site.used = visit + 1;
    if (site.groups.size() < site.used) site.groups.resize(2 * site.used);
    site.groups[visit].active = 0;
  }
  site.groups[visit].address[lane] = address;
  site.groups[visit].active |= 1u << lane;
}

}  // namespace counts
}  // namespace simt

using namespace simt::counts;

/* Arrays of device memory, (first, end) each and in order: everything else is a kernel's own. Starts from zero. */
extern "C" void simt_counts_begin(const uint64_t* ranges, size_t count) {
  totals = Totals{};
  arrays.clear();
  for (size_t k = 0; k < count; ++k) arrays.push_back({ranges[2 * k], ranges[2 * k + 1]});
}

extern "C" size_t simt_counts_end(double* out) {
  on = false;
  totals.launch_read_bytes = double(launch_read.size() * kSector);
  totals.launch_written_bytes = double(launch_written.size() * kSector);
  memcpy(out, &totals, sizeof totals);
  return sizeof totals / sizeof(double);
}

#define M3_HOOK(bytes)                                                                                               \
  extern "C" void __tsan_read##bytes(void* p) { access(p, bytes, kRead, __builtin_return_address(0)); }               \
  extern "C" void __tsan_write##bytes(void* p) { access(p, bytes, kWrite, __builtin_return_address(0)); }             \
  extern "C" void __tsan_unaligned_read##bytes(void* p) { access(p, bytes, kRead, __builtin_return_address(0)); }     \
  extern "C" void __tsan_unaligned_write##bytes(void* p) { access(p, bytes, kWrite, __builtin_return_address(0)); }
M3_HOOK(1)
M3_HOOK(2)
M3_HOOK(4)
M3_HOOK(8)
M3_HOOK(16)
extern "C" void __tsan_read_range(void* p, size_t bytes) { access(p, bytes, kRead, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void* p, size_t bytes) { access(p, bytes, kWrite, __builtin_return_address(0)); }
extern "C" void __tsan_vptr_update(void**, void*) {}
extern "C" void __tsan_vptr_read(void**) {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
extern "C" void __tsan_init() {}

extern "C" void __sanitizer_cov_trace_pc() {
  if (!on || !simt::running) return;
  WarpLog& log = warps[simt::running->linear / 32];
  const size_t number = block_numbers.of(reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  if (log.blocks.size() <= number) log.blocks.resize(number + 64);
  Block& block = log.blocks[number];
  if (!block.met) log.blocks_met.push_back(number);
  block.met = true;
  ++block.visits[simt::running->linear & 31u];
}
