// Command listings is what tests/listings.py runs as listings of its assembly: defers, panics and recoveries of all
// kinds, told by println alone. Everything compiles with Go 1.11.
package main

type point struct{ x, y int }

func (p point) show(name string) { println(name, p.x, p.y) }
func (p *point) move(by int)     { p.x += by }

type failure struct{ code int }

//go:noinline
func namedResult(start int) (result int) {
	result = start
	defer func() { result += 3 }()
	return result
}

//go:noinline
func local(start int) int {
	value := start
	defer func() { value += 3 }()
	return value
}

//go:noinline
func setByReturn(step int) (result int) {
	defer func() { result += step }()
	return 2
}

//go:noinline
func inLoop(n int) (sum int) {
	for i := 0; i < n; i++ {
		defer func(k int) { sum += k; println("loop", k, sum) }(i)
	}
	return 100
}

//go:noinline
func conditional(a, b bool) (path string) {
	if a {
		defer func() { path += "a" }()
	}
	if b {
		defer func() { path += "b" }()
	}
	defer println("conditional", a, b)
	return "-"
}

//go:noinline
func methods() {
	p := point{1, 2}
	defer p.show("by value")
	q := &point{10, 20}
	defer q.show("through pointer")
	defer q.move(5)
	f := p.show
	defer f("method value")
	p.x = 99
}

//go:noinline
func recovered(fails func()) (what string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
			what = "nothing"
		case string:
			what = "string " + r
		case int:
			println("int", r)
			what = "int"
		case failure:
			println("failure", r.code)
			what = "failure"
		default:
			what = "another type"
		}
	}()
	fails()
	return "returned"
}

//go:noinline
func pick(list []int, i int) int { return list[i] }

//go:noinline
func divide(a, b int) int { return a / b }

//go:noinline
func load(p *point) int { return p.y }

//go:noinline
func replaced() (what string) {
	defer func() { what = recover().(string) }()
	defer func() {
		defer println("the second panic passes here")
		panic("second")
	}()
	panic("first")
}

//go:noinline
func recoveredTwice() (n int) {
	defer func() {
		if recover() != nil {
			n += 10
		}
	}()
	defer func() {
		if recover() != nil {
			n++
		}
		panic("again")
	}()
	panic("once")
}

func helper() interface{} { return recover() }

//go:noinline
func tooDeep() (ok bool) {
	defer func() { ok = recover() != nil }()
	defer func() { println("helper recovers", helper() != nil) }()
	panic("deep")
}

//go:noinline
func descend(n int) {
	defer println("leaving", n)
	if n == 0 {
		panic("bottom")
	}
	descend(n - 1)
}

//go:noinline
func throughFrames(n int) int {
	defer func() {
		if n == 5 {
			recover()
		}
	}()
	if n == 0 {
		return load(nil)
	}
	return throughFrames(n-1) + 1
}

//go:noinline
func panicsWhileRecovering() {
	defer func() {
		defer func() { println("inner", recover() != nil) }()
		panic("third")
	}()
	defer println("before the third")
	panic("second")
}

//go:noinline
func threePanics() {
	defer func() { println("outer", recover() != nil) }()
	defer panicsWhileRecovering()
	panic("first")
}

//go:noinline
func interfaces(x interface{}) string {
	switch x.(type) {
	case string:
		return "a string"
	case error:
		return "an error"
	case failure:
		return "a failure"
	}
	if _, ok := x.(error); ok {
		return "an error again"
	}
	return "something"
}

//go:noinline
func slices() int {
	var list []int
	for i := 0; i < 20; i++ {
		list = append(list, i*i)
	}
	defer func(l []int) { println("slice", len(l), l[19]) }(list)
	text := ""
	for _, r := range []string{"go", "defer", "run"} {
		text += r + "."
	}
	println(text, len(text))
	return list[7]
}

func main() {
	println(namedResult(1), local(1), setByReturn(1))
	println(inLoop(4))
	println(conditional(true, false), conditional(false, true), conditional(true, true))
	methods()
	println(recovered(func() {}))
	println(recovered(func() { panic("text") }))
	println(recovered(func() { panic(42) }))
	println(recovered(func() { panic(failure{7}) }))
	println(recovered(func() { panic(2.5) }))
	println(recovered(func() { pick(nil, 3) }))
	println(replaced(), recoveredTwice(), tooDeep())
	println(recovered(func() { descend(3) }))
	println(throughFrames(8))
	threePanics()
	println(interfaces("text"), interfaces(failure{1}), interfaces(2), interfaces(nil))
	println(slices())
	println(3.25, 'x', "done")
	defer func() { println("index", recover() != nil) }()
	defer func() {
		defer func() { println("divide", recover() != nil) }()
		println(divide(1, 0))
	}()
	defer func() {
		defer func() { println("nil", recover() != nil) }()
		println(load(nil))
	}()
	println(pick([]int{1, 2, 3}, 5))
}
