/* Scheduler of the CUDA emulation: each CUDA thread is a fiber with its own stack, a block's fibers take turns on one
   OS thread, blocks are spread over OS threads.

   A barrier parks its fiber; when every living fiber is parked the scheduler lets all go on. A warp primitive parks
   until all lanes of its mask have come. Compile this file without instrumentation and the kernels with it: under
   ThreadSanitizer each CUDA thread is a TSan fiber that is switched to without synchronising, and only barriers and
   warp primitives order two of them, so a missing barrier is reported although fibers never run at once.

   Environment: M3LEO_SIMT_ORDER 0 forward, 1 backward, 2 shuffled; M3LEO_SIMT_THREADS OS threads;
   M3LEO_SIMT_SHARED_LIMIT bytes a block may use (49152); M3LEO_SIMT_STRICT=1 refuses a barrier after some threads of the
   block returned. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "simt.h"

#if defined(M3_SIMT_COUNT)
#include "counts.h"
#define COUNT(...) __VA_ARGS__
#else
#define COUNT(...)
#endif
#if defined(M3_SIMT_TSAN)
extern "C" {
void* __tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void*);
void __tsan_switch_to_fiber(void*, unsigned);
void* __tsan_get_current_fiber();
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#define TSAN(...) __VA_ARGS__
#else
#define TSAN(...)
#endif
#if defined(M3_SIMT_ASAN)
extern "C" {
void __sanitizer_start_switch_fiber(void**, const void*, size_t);
void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
void __asan_poison_memory_region(void const volatile*, size_t);
void __asan_unpoison_memory_region(void const volatile*, size_t);
}
#define ASAN(...) __VA_ARGS__
#else
#define ASAN(...)
#endif

/* Saves the callee-saved registers on the stack, keeps its pointer in *save, and goes on with another stack. ucontext
   would make a system call a switch. */
extern "C" void simt_switch(void** save, void* load) __attribute__((visibility("hidden")));
#if defined(__x86_64__)
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch,@function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, .-simt_switch
)");
constexpr int kSavedRegisters = 6;
#else
#error "the emulation of CUDA switches stacks by hand and knows x86-64 only"
#endif

namespace simt {

thread_local Thread* running;
thread_local uint3 block_index;
thread_local dim3 block_size, grid_size;

namespace {

constexpr size_t kStack = 64 << 10, kArena = 256 << 10, kTags = 64 << 10, kRedZone = 64;

enum State { kReady, kAtBarrier, kInWarp, kDone };

struct Fiber : Thread {
  void* stack_pointer;
  char* stack;
  State state;
  int site;
  bool predicate;
  void* tsan;
  void* asan;
};

/* The lanes of a warp meet here. */
struct Warp {
  uint64_t brought[32], taken[32];
  unsigned arrived, mask, ballot;
  bool pending;
};

struct SharedArray {
  int site;
  void* memory;
  size_t bytes;
};

struct Launch {
  Body body;
  void* kernel;
  void** arguments;
  dim3 grid, block;
  size_t dynamic_bytes, limit;
  int order;
  bool strict;
};

std::mutex fault_lock;
std::string fault_text;
std::atomic<bool> faulty;

void fault(const std::string& text) {
  const std::lock_guard<std::mutex> guard(fault_lock);
  if (!faulty.exchange(true)) fault_text = text;
}

/* NaN as float and as double. A volatile loop, as sanitizers watch memset. */
void poison(void* memory, size_t bytes) {
  volatile uint32_t* word = static_cast<uint32_t*>(memory);
  for (size_t i = 0; i < (bytes + 3) / 4; ++i) word[i] = 0xffffffffu;
}

char* map_memory(size_t bytes, void* at = nullptr) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0);
  void* memory = mmap(at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) abort();
  return static_cast<char*>(memory);
}

/* One OS thread and the block it runs. */
struct Worker {
  explicit Worker(const Launch& launch);
  ~Worker();
  void run_block(size_t index);

  const Launch& launch;
  unsigned count;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<SharedArray> arrays;
  char *stacks, *arena, *tag = nullptr;
  size_t used = 0, blocks = 0;
  int barrier_count = 0;
  void* stack_pointer = nullptr;
  void* tsan = nullptr;
  void* asan = nullptr;
  const void* bottom = nullptr;
  size_t bottom_size = 0;
  char start_tag = 0, end_tag = 0;

 private:
  void prepare(Fiber& fiber);
  void resume(Fiber& fiber);
  void release_warp(unsigned warp);
  bool release_barrier(unsigned alive);
  unsigned place(unsigned turn, unsigned& seed) const;
};

thread_local Worker* worker;

/* From the running fiber back to the scheduler. */
void yield(Fiber* fiber) {
  TSAN(__tsan_switch_to_fiber(worker->tsan, 1);)
  ASAN(__sanitizer_start_switch_fiber(fiber->state == kDone ? nullptr : &fiber->asan, worker->bottom,
                                      worker->bottom_size);)
  simt_switch(&fiber->stack_pointer, worker->stack_pointer);
  ASAN(__sanitizer_finish_switch_fiber(fiber->asan, nullptr, nullptr);)
}

void fiber_main() {
  Fiber* fiber = static_cast<Fiber*>(running);
  ASAN(__sanitizer_finish_switch_fiber(nullptr, &worker->bottom, &worker->bottom_size);)
  TSAN(__tsan_acquire(&worker->start_tag);)
  worker->launch.body(worker->launch.kernel, worker->launch.arguments);
  // Only the end of the launch acquires this: blocks are not ordered with each other.
  TSAN(__tsan_release(&worker->end_tag);)
  fiber->state = kDone;
  yield(fiber);
  abort();
}

Worker::Worker(const Launch& launch_)
    : launch(launch_), count(launch.block.x * launch.block.y * launch.block.z), fibers(count), warps((count + 31) / 32) {
  stacks = map_memory(kStack * count);
  arena = map_memory(kArena + kTags);
  for (unsigned i = 0; i < count; ++i) {
    Fiber& fiber = fibers[i];
    fiber.linear = i;
    fiber.index = {i % launch.block.x, i / launch.block.x % launch.block.y, i / (launch.block.x * launch.block.y)};
    fiber.stack = stacks + kStack * i;
    fiber.asan = nullptr;
    TSAN(fiber.tsan = __tsan_create_fiber(0);)
  }
  TSAN(tsan = __tsan_get_current_fiber();)
}

Worker::~Worker() {
  TSAN(__tsan_acquire(&end_tag); for (Fiber& fiber : fibers) __tsan_destroy_fiber(fiber.tsan);)
  munmap(stacks, kStack * count);
  munmap(arena, kArena + kTags);
}

void Worker::prepare(Fiber& fiber) {
  fiber.state = kReady;
  ASAN(__asan_unpoison_memory_region(fiber.stack, kStack);)
  void** top = reinterpret_cast<void**>(fiber.stack + kStack - 64);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&fiber_main);
  fiber.stack_pointer = top - kSavedRegisters;
}

void Worker::resume(Fiber& fiber) {
  running = &fiber;
  TSAN(__tsan_switch_to_fiber(fiber.tsan, 1);)
  ASAN(__sanitizer_start_switch_fiber(&asan, fiber.stack, kStack);)
  simt_switch(&stack_pointer, fiber.stack_pointer);
  ASAN(__sanitizer_finish_switch_fiber(asan, nullptr, nullptr);)
}

void Worker::release_warp(unsigned index) {
  Warp& warp = warps[index];
  if ((warp.arrived & warp.mask) != warp.mask) return;
  warp.ballot = 0;
  COUNT(counts::meet(index);)
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    warp.taken[lane] = warp.brought[lane];
    if (warp.brought[lane]) warp.ballot |= 1u << lane;
    fibers[index * 32 + lane].state = kReady;
  }
  warp.arrived = 0;
  warp.pending = false;
}

bool Worker::release_barrier(unsigned alive) {
  int site = -1;
  barrier_count = 0;
  for (Fiber& fiber : fibers) {
    if (fiber.state == kDone) continue;
    if (fiber.state != kAtBarrier || (site >= 0 && fiber.site != site)) {
      fault("divergent barrier or warp primitive: threads of one block wait at different places");
      return false;
    }
    site = fiber.site;
    barrier_count += fiber.predicate;
  }
  if (alive != count && launch.strict) {
    fault("barrier after some threads of the block returned");
    return false;
  }
  COUNT(counts::meet_all();)
  for (Fiber& fiber : fibers)
    if (fiber.state == kAtBarrier) fiber.state = kReady;
  return true;
}

unsigned Worker::place(unsigned turn, unsigned& seed) const {
  if (launch.order == 0) return turn;
  if (launch.order == 1) return count - 1 - turn;
  if (turn == 0) seed = seed * 1664525u + 1013904223u;
  return (turn + (seed >> 8)) % count;
}

void Worker::run_block(size_t index) {
  const dim3 &grid = launch.grid;
  block_index = {unsigned(index % grid.x), unsigned(index / grid.x % grid.y), unsigned(index / (size_t(grid.x) * grid.y))};
  arrays.clear();
  used = launch.dynamic_bytes;
  // Fresh pages drop TSan's memory of the last block, so that two blocks are never ordered through the arena.
  TSAN(map_memory(kArena + kTags, arena);)
  ASAN(__asan_poison_memory_region(arena, kArena); __asan_unpoison_memory_region(arena, launch.dynamic_bytes);)
  poison(arena, launch.dynamic_bytes);
  tag = arena + kArena + 512 * (blocks++ % (kTags / 512));
  for (Warp& warp : warps) warp.arrived = 0, warp.pending = false;
  for (Fiber& fiber : fibers) prepare(fiber);
  TSAN(__tsan_release(&start_tag);)
  COUNT(counts::begin_block(arena, kArena, count);)
  unsigned alive = count, seed = unsigned(index) * 2654435761u + 12345u;
  while (alive) {
    bool progress = false;
    for (unsigned turn = 0; turn < count; ++turn) {
      Fiber& fiber = fibers[place(turn, seed)];
      if (fiber.state != kReady) continue;
      progress = true;
      resume(fiber);
      if (fiber.state == kDone) --alive;
      if (fiber.state == kInWarp) release_warp(fiber.linear / 32);
    }
    if (!progress && !release_barrier(alive)) return;
  }
  COUNT(counts::end_block();)
}

size_t setting(const char* name, size_t otherwise) {
  const char* text = getenv(name);
  return text && *text ? size_t(atoll(text)) : otherwise;
}

}  // namespace

int barrier(int site, bool predicate) {
  Fiber* fiber = static_cast<Fiber*>(running);
  fiber->state = kAtBarrier;
  fiber->site = site;
  fiber->predicate = predicate;
  TSAN(__tsan_release(worker->tag);)
  yield(fiber);
  TSAN(__tsan_acquire(worker->tag);)
  return worker->barrier_count;
}

void* shared_array(int site, size_t bytes, size_t align) {
  for (const SharedArray& array : worker->arrays)
    if (array.site == site) return array.memory;
  const size_t offset = (worker->used + kRedZone + align - 1) / align * align;
  size_t total = worker->launch.dynamic_bytes + bytes;
  for (const SharedArray& array : worker->arrays) total += array.bytes;
  if (total > worker->launch.limit) fault("shared memory over the limit: " + std::to_string(total) + " bytes");
  if (offset + bytes + kRedZone > kArena) {
    fprintf(stderr, "simt: shared arrays need more than the %zu bytes of the arena\n", kArena);
    abort();
  }
  char* memory = worker->arena + offset;
  worker->used = offset + bytes;
  ASAN(__asan_unpoison_memory_region(memory, bytes);)
  poison(memory, bytes);
  worker->arrays.push_back({site, memory, bytes});
  return memory;
}

void* dynamic_shared() { return worker->arena; }

unsigned living_lanes() {
  unsigned mask = 0;
  const unsigned first = running->linear / 32 * 32;
  for (unsigned lane = 0; lane < 32 && first + lane < worker->count; ++lane)
    if (worker->fibers[first + lane].state != kDone) mask |= 1u << lane;
  return mask;
}

uint64_t exchange(unsigned mask, uint64_t value, int source, unsigned* ballot) {
  Fiber* fiber = static_cast<Fiber*>(running);
  Warp& warp = worker->warps[fiber->linear / 32];
  const unsigned lane = fiber->linear & 31u;
  if (!(mask >> lane & 1)) fault("warp primitive called by a lane outside its mask");
  if (warp.pending && warp.mask != mask) fault("lanes of one warp primitive name different masks");
  warp.brought[lane] = value;
  warp.arrived |= 1u << lane;
  warp.mask = mask;
  warp.pending = true;
  fiber->state = kInWarp;
  TSAN(void* meeting = worker->tag + 16 + fiber->linear / 32 * 8; __tsan_release(meeting);)
  yield(fiber);
  TSAN(__tsan_acquire(meeting);)
  if (ballot) *ballot = warp.ballot;
  else if (!(mask >> source & 1)) fault("shuffle from a lane outside the mask");
  return warp.taken[source & 31];
}

int launch(Body body, void* kernel, void** arguments, dim3 grid, dim3 block, size_t dynamic_bytes) {
  const size_t threads = size_t(block.x) * block.y * block.z, blocks = size_t(grid.x) * grid.y * grid.z;
  faulty = false;
  fault_text.clear();
  const size_t limit = setting("M3LEO_SIMT_SHARED_LIMIT", 49152);
  if (threads == 0 || threads > 1024 || blocks == 0 || grid.y > 65535 || grid.z > 65535) fault("bad launch shape");
  if (dynamic_bytes > limit) fault("shared memory over the limit: " + std::to_string(dynamic_bytes) + " bytes");
  if (faulty) return 1;
  const Launch launch{body, kernel, arguments, grid, block, dynamic_bytes, limit,
                    int(setting("M3LEO_SIMT_ORDER", 0)), setting("M3LEO_SIMT_STRICT", 0) != 0};
  std::atomic<size_t> next{0};
  const auto work = [&] {
    Worker own(launch);
    worker = &own;
    block_size = block;
    grid_size = grid;
    for (size_t index; (index = next.fetch_add(1)) < blocks && !faulty;) own.run_block(index);
  };
  std::vector<std::thread> others;
  size_t workers = setting("M3LEO_SIMT_THREADS", std::thread::hardware_concurrency());
  COUNT(workers = 1; counts::begin_launch();)
  for (size_t i = 1; i < workers; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return faulty ? 1 : 0;
}

}  // namespace simt

extern "C" const char* simt_fault() { return simt::fault_text.c_str(); }

/* Digest of the sources of this library, as setup.py gives it. */
#define M3_TEXT(words) #words
#define M3_TEXT_OF(macro) M3_TEXT(macro)
#if defined(M3_SIMT_SOURCES)
extern "C" const char* simt_sources() { return M3_TEXT_OF(M3_SIMT_SOURCES); }
#endif
