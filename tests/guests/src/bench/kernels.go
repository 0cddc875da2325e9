// Kernels that only the benchmark guest has: what ordinary programs do in assembly of the runtime.
package main

import (
	"sync"
	"sync/atomic"

	"example.com/guests/work"
)

// sections are those of package work and the kernels, in the order in which they run.
var sections = append(append([]work.Section{}, work.Sections...),
	work.Section{Name: "memmove", Run: moves},
	work.Section{Name: "atomics", Run: atomics})

// moves: copies of 1 to 4096 bytes, disjoint and overlapping both ways, and comparisons of their results.
func moves(scale int) uint64 {
	var from, to [8192]byte
	for i := range from {
		from[i] = byte(i * 7)
	}
	h := uint64(13)
	for i := 0; i < 100000*scale; i++ {
		n := 1 << uint(i%13)
		copy(to[i&1023:], from[:n])
		copy(to[i&63:i&63+n], to[:n])
		copy(to[:n], to[17:])
		if string(to[:n]) < string(from[1:n+1]) {
			h++
		}
		h = (h ^ uint64(to[n-1])) * 0x100000001b3
	}
	return h
}

// atomics: adds, swaps, compare-and-swap, mutexes; one goroutine, so that the sum depends on the scale alone.
func atomics(scale int) uint64 {
	var word, sum uint64
	var small int32
	var lock sync.Mutex
	var readers sync.RWMutex
	for i := 0; i < 500000*scale; i++ {
		atomic.AddUint64(&word, uint64(i))
		if !atomic.CompareAndSwapInt32(&small, int32(i&7), int32(i)) {
			atomic.StoreInt32(&small, int32(i+1)&7)
		}
		lock.Lock()
		sum += atomic.SwapUint64(&word, atomic.LoadUint64(&word)>>1)
		lock.Unlock()
		readers.RLock()
		sum ^= uint64(small)
		readers.RUnlock()
	}
	return sum
}
