// Command places says of its arguments, results, locals and captured variables where they lie and what they hold, then calls here: a drawing of that
// moment must have the same names at the same addresses, with the same values (tests/draw.py). A line is: function, name, address, value.
package main

import "unsafe"

type pair struct {
	small int8
	large int64
}

var calls int

//go:noinline
func here() { calls++ }

//go:noinline
func grown(depth int) int {
	var room [64]int
	room[depth] = depth
	if depth > 0 {
		return grown(depth-1) + room[depth]
	}
	return room[0]
}

func words(p unsafe.Pointer) *[3]uintptr { return (*[3]uintptr)(p) }

//go:noinline
func scalars(i int, small int16, yes bool) (sum int, odd bool) {
	local := i * 2
	wide := uint64(1) << 40
	sum, odd = i+local, true
	println("main.scalars", "i", &i, i)
	println("main.scalars", "small", &small, small)
	println("main.scalars", "yes", &yes, yes)
	println("main.scalars", "local", &local, local)
	println("main.scalars", "wide", &wide, wide)
	println("main.scalars", "sum", &sum, sum)
	println("main.scalars", "odd", &odd, odd)
	here()
	println("main.scalars", "sum", &sum, sum)
	return
}

//go:noinline
func composed(s string, list []int, any interface{}) (out string) {
	p := pair{-3, 1 << 33}
	three := [3]int32{7, 8, 9}
	out = s
	println("main.composed", "s.ptr", &s, s)
	println("main.composed", "s.len", &words(unsafe.Pointer(&s))[1], len(s))
	println("main.composed", "list.len", &words(unsafe.Pointer(&list))[1], len(list))
	println("main.composed", "list.cap", &words(unsafe.Pointer(&list))[2], cap(list))
	println("main.composed", "any.data", &words(unsafe.Pointer(&any))[1], any.(int))
	println("main.composed", "any.type", &any, "int")
	println("main.composed", "p.small", &p.small, p.small)
	println("main.composed", "p.large", &p.large, p.large)
	println("main.composed", "three[0]", &three[0], three[0])
	println("main.composed", "three[2]", &three[2], three[2])
	println("main.composed", "out.ptr", &out, out)
	here()
	println("main.composed", "out.ptr", &out, out)
	return
}

//go:noinline
func captures(start int) (result int) {
	local := start + 1
	defer func() {
		result += local
		local++
		println("main.captures", "result", &result, result)
		println("main.captures", "local", &local, local)
		here()
		println("main.captures", "local", &local, local)
	}()
	local *= 2
	return local
}

func main() {
	grown(60)
	scalars(21, -5, true)
	composed("text", make([]int, 2, 4), 41)
	println("main.main", "captures", captures(10))
}
