// Command articles has one function for each thing that the pages of docs/articles look at (tests/articles.py). It prints with println alone, so
// that its programs stay small.
package main

import "runtime"

// --- what a deferred literal still changes after "return" ---

//go:noinline
func namedThenReturned(start int) (result int) {
	result = start
	defer func() { result += 3 }()
	return result
}

//go:noinline
func localOnly(start int) int {
	local := start
	defer func() { local += 3 }()
	return local
}

//go:noinline
func setByReturn(step int) (result int) {
	defer func() { result += step }()
	return 2
}

// --- one defer, nothing else ---

//go:noinline
func single() {
	defer func() { println("deferred") }()
}

// --- records: on the heap (a loop), on the stack (beside a loop), from pools ---

var sum int

//go:noinline
func nothing() { sum++ }

//go:noinline
func add(n int) { sum += n }

//go:noinline
func addThree(a, b, c int) { sum += a + b + c }

//go:noinline
func looped(n int) {
	for i := 0; i < n; i++ {
		defer add(i)
	}
}

//go:noinline
func beside(n int) {
	defer nothing()
	for i := 0; i < n; i++ {
		defer addThree(i, i, i)
	}
}

// --- a panic passes frames, is recovered, and a defer of that frame is left ---

//go:noinline
func recovers() (said string) {
	defer nothing()
	defer func() {
		if r := recover(); r != nil {
			said = r.(string)
		}
	}()
	passed()
	return "not reached"
}

//go:noinline
func passed() {
	defer nothing()
	defer add(1)
	panics()
}

//go:noinline
func panics() {
	panic("trouble")
}

// --- Goexit ---

//go:noinline
func leaves(done chan int) {
	defer func() { done <- 1 }()
	runtime.Goexit()
}

func main() {
	println(namedThenReturned(1), localOnly(1), setByReturn(1))
	single()
	looped(2)
	looped(2)
	beside(1)
	println(recovers())
	done := make(chan int)
	go leaves(done)
	println(<-done)
	looped(40)
	looped(40)
}
