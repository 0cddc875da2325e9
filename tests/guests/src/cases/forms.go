// Deferred calls in every form: what is called, with how many bytes of arguments, from where and how often.
package main

import (
	"os"
	"strconv"
	"sync"
)

func init() {
	add("defer", map[string]func(){
		"noargs":         deferNoArgs,
		"args8":          deferArgs8,
		"args16":         deferArgs16,
		"args24":         deferArgs24,
		"argsmany":       deferArgsMany,
		"argsbig":        deferArgsBig,
		"argsfloat":      deferArgsFloat,
		"argseval":       deferArgsEval,
		"closure":        deferClosure,
		"method":         deferMethod,
		"methodvalue":    deferMethodValue,
		"interface":      deferInterface,
		"embedded":       deferEmbedded,
		"variadic":       deferVariadic,
		"builtin":        deferBuiltin,
		"funcvalue":      deferFuncValue,
		"loop":           deferLoop,
		"looplong":       deferLoopLong,
		"eight":          deferEight,
		"nine":           deferNine,
		"conditional":    deferConditional,
		"manyreturns":    deferManyReturns,
		"mixed":          deferMixed,
		"goto":           deferGoto,
		"results":        deferResults,
		"resultsmulti":   deferResultsMulti,
		"nilfunc":        deferNilFunc,
		"nilfuncmiddle":  deferNilFuncMiddle,
		"nilinterface":   deferNilInterface,
		"goroutine":      deferGoroutine,
		"nested":         deferNested,
		"recursion":      deferRecursion,
		"inlined":        deferInlined,
		"unlock":         deferUnlock,
		"pool":           deferPool,
		"intoloop":       deferInLoopBody,
		"returnsignored": deferReturnsIgnored,
	})
	add("exit", map[string]func(){
		"deferred": exitDeferred,
		"zero":     func() { os.Exit(0) },
		"seven":    func() { defer say("never"); os.Exit(7) },
		"big":      func() { os.Exit(256 + 3) },
	})
}

//go:noinline
func mark() { say("mark") }

//go:noinline
func mark8(a int) { say("mark8", a) }

//go:noinline
func mark16(a, b int) { say("mark16", a, b) }

//go:noinline
func markString(s string) { say("string", s) }

//go:noinline
func mark24(a, b, c int) { say("mark24", a, b, c) }

//go:noinline
func markSlice(s []int) { say("slice", len(s), cap(s), s[0]) }

//go:noinline
func mark40(s string, v []int) { say("mark40", s, len(v)) }

func deferNoArgs() {
	defer mark()
	defer mark()
	say("body")
}

func deferArgs8() {
	for i := 0; i < 1; i++ {
		defer mark8(80 + i)
	}
	defer mark8(8)
	say("body")
}

func deferArgs16() {
	defer mark16(1, 2)
	defer markString("sixteen")
	say("body")
}

func deferArgs24() {
	defer mark24(1, 2, 3)
	defer markSlice([]int{4, 5, 6})
	say("body")
}

//go:noinline
func markMany(a int8, b int64, c bool, d string, e []byte, f float32, g map[string]int, h error, i uint16) {
	say("many", int(a), int(b), c, d, len(e), int(f*4), len(g), h == nil, int(i))
}

func deferArgsMany() {
	for i := 0; i < 2; i++ {
		defer markMany(int8(-i), int64(i)<<40, i == 1, "d", []byte("eee"), 1.25, map[string]int{"a": 1}, nil, 65535)
	}
	defer mark40("forty", []int{1, 2})
	say("body")
}

type bulk struct {
	words [32]int
	name  string
}

//go:noinline
func markBulk(b bulk, last int) {
	sum := 0
	for _, w := range b.words {
		sum += w
	}
	say("bulk", b.name, sum, last)
}

func deferArgsBig() {
	b := bulk{name: "before"}
	for i := range b.words {
		b.words[i] = i
	}
	for i := 0; i < 3; i++ {
		defer markBulk(b, i)
	}
	defer markBulk(b, 9)
	b.name = "after"
	b.words[0] = 1000000
	say("body", b.name)
}

//go:noinline
func markFloats(a, b float64, c float32, d complex128, e int) {
	say("floats", int(a*8), int(b*8), int(c*8), int(real(d)), int(imag(d)), e)
}

func deferArgsFloat() {
	for i := 0; i < 2; i++ {
		defer markFloats(float64(i)+0.5, -0.25, 3.125, complex(7, float64(-i)), i)
	}
	defer markFloats(1, 2, 3, 4i, 5)
	say("body")
}

//go:noinline
func evaluated(v int) int {
	say("evaluated", v)
	return v
}

//go:noinline
func chooses(name string) func(int) {
	say("chooses", name)
	return func(v int) { say(name, v) }
}

func deferArgsEval() {
	x := 1
	defer mark8(evaluated(x))
	x = 2
	defer chooses("chosen")(evaluated(x))
	x = 3
	say("body", x)
}

func deferClosure() {
	x, list := 1, []int{1}
	defer func() { say("by reference", x, len(list)) }()
	defer func(x int) { say("by value", x, len(list)) }(x)
	y := 5
	defer func() { say("unchanged", y) }()
	x = 2
	list = append(list, 2, 3)
	say("body", x)
}

type counter struct{ n int }

//go:noinline
func (c counter) show(tag string) { say(tag, c.n) }

//go:noinline
func (c *counter) bump(by int) { c.n += by; say("bumped to", c.n) }

//go:noinline
func (c *counter) plain() { say("plain", c.n) }

func deferMethod() {
	c := counter{1}
	defer c.show("copied when deferred")
	defer c.bump(10)
	defer c.plain()
	c.n = 2
	c.show("body")
}

func deferMethodValue() {
	c := &counter{1}
	bump, show := c.bump, c.show
	defer c.plain()
	defer bump(5)
	defer show("bound early")
	defer (*counter).bump(c, 6)
	defer counter.show(*c, "expression")
	c.n = 2
}

type shower interface {
	show(string)
	plain()
}

type tiny struct{}

func (tiny) show(tag string) { say("tiny", tag) }
func (tiny) plain()          { say("tiny plain") }

func deferInterface() {
	c := &counter{3}
	list := []shower{c, tiny{}, &tiny{}}
	for _, s := range list {
		defer s.show("through interface")
		defer s.plain()
	}
	var one shower = c
	defer one.plain()
	c.n = 4
}

type outer struct {
	*counter
	tiny2
}

type tiny2 struct{ a, b, c int }

func (t tiny2) sum(more int) { say("sum", t.a+t.b+t.c+more) }

func deferEmbedded() {
	o := outer{&counter{1}, tiny2{1, 2, 3}}
	defer o.plain()
	defer o.bump(2)
	defer o.sum(4)
	var s interface{ sum(int) } = &o
	defer s.sum(5)
	o.tiny2.a = 100
}

//go:noinline
func variadic(tag string, rest ...int) { say("variadic", tag, len(rest)) }

func deferVariadic() {
	defer variadic("none")
	defer variadic("three", 1, 2, 3)
	defer variadic("spread", []int{1, 2}...)
	defer say("say", 1, true)
}

func deferBuiltin() {
	ch := make(chan int, 1)
	m := map[string]int{"a": 1, "b": 2}
	to, from := make([]int, 2), []int{7, 8, 9}
	defer func() {
		_, open := <-ch
		say("open", open, "entries", len(m), "copied", to[1])
	}()
	func() {
		defer close(ch)
		defer delete(m, "a")
		defer func() { copy(to, from) }()
		say("body", len(m))
	}()
	func() {
		defer recovered()
		defer panic("deferred panic")
		say("body 2")
	}()
	func() {
		defer say("deferred recover() recovered nothing it was not called for")
		defer recover()
	}()
}

func deferFuncValue() {
	f := func(s string) { say("first", s) }
	g := &f
	defer f("direct")
	defer (*g)("through pointer")
	table := map[string]func(){"x": mark}
	defer table["x"]()
	s := struct{ hook func(int, int) }{mark16}
	defer s.hook(3, 4)
	f = func(s string) { say("second", s) }
	defer f("changed")
}

func deferLoop() {
	for i := 0; i < 5; i++ {
		i := i
		defer func() { say("closure", i) }()
		defer mark8(i)
	}
	say("body")
}

func deferLoopLong() {
	h := 0
	defer func() { say("sum", h) }()
	for i := 0; i < 300; i++ {
		defer func(v int) { h = (h*31 + v) % 1000003 }(i)
	}
	say("body", h)
}

func deferEight() {
	defer mark8(1)
	defer mark8(2)
	defer mark8(3)
	defer mark8(4)
	defer mark8(5)
	defer mark8(6)
	defer mark8(7)
	defer mark8(8)
	say("body")
}

func deferNine() {
	defer mark8(1)
	defer mark8(2)
	defer mark8(3)
	defer mark8(4)
	defer mark8(5)
	defer mark8(6)
	defer mark8(7)
	defer mark8(8)
	defer mark8(9)
	say("body")
}

//go:noinline
func conditional(bits int) {
	if bits&1 != 0 {
		defer mark8(1)
	}
	if bits&2 != 0 {
		defer func() { say("two", bits) }()
	}
	if bits&4 != 0 {
		defer mark16(4, bits)
	} else {
		defer markString("not four")
	}
	say("bits", bits)
}

func deferConditional() {
	for bits := 0; bits < 8; bits++ {
		conditional(bits)
	}
}

//go:noinline
func manyReturns(n int) (r int) {
	defer func() { r *= 2 }()
	defer func() { r++ }()
	defer mark8(n)
	switch n {
	case 0:
		return 10
	case 1:
		return 11
	case 2:
		return 12
	case 3:
		return 13
	case 4:
		return 14
	case 5:
		return 15
	}
	return n
}

func deferManyReturns() {
	for i := 0; i < 8; i++ {
		say("result", manyReturns(i))
	}
}

func deferMixed() {
	defer mark()
	for i := 0; i < 3; i++ {
		if i != 1 {
			defer mark8(i)
		}
	}
	defer func() {
		for i := 0; i < 2; i++ {
			defer mark16(i, i*i)
		}
		defer markString("inside")
	}()
	say("body")
}

func deferGoto() {
	i := 0
again:
	defer mark8(i)
	i++
	if i < 4 {
		goto again
	}
	say("body")
}

//go:noinline
func resultNamed(i int) (t int) {
	t = i
	defer func() { t += 3 }()
	return t
}

//go:noinline
func resultLocal(i int) int {
	t := i
	defer func() { t += 3 }()
	return t
}

//go:noinline
func resultSet(i int) (t int) {
	defer func() { t += i }()
	return 2
}

//go:noinline
func resultTwice(i int) (t int) {
	defer func() { t *= 10 }()
	defer func() { t += i }()
	return i
}

//go:noinline
func resultPanic() (t int, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = -1, strconv.ErrRange
		}
	}()
	t = 5
	panic("lost result")
}

func deferResults() {
	say(resultNamed(1), resultLocal(1), resultSet(1), resultTwice(4))
	t, err := resultPanic()
	say(t, err)
}

//go:noinline
func resultsMulti(n int) (a int, b string, c []int, d float64, e error) {
	defer func() { a, c, d = a+n, append(c, n), d*2 }()
	defer func() { b += "!" }()
	if n > 1 {
		return n, "big", []int{1, 2}, 1.5, nil
	}
	b = "small"
	return
}

func deferResultsMulti() {
	for n := 0; n < 4; n++ {
		a, b, c, d, e := resultsMulti(n)
		say(a, b, len(c), c[len(c)-1], int(d*10), e == nil)
	}
}

func deferNilFunc() {
	attempt("nil func", func() {
		var f func()
		defer mark8(1)
		defer f()
		defer mark8(2)
		say("body is reached")
	})
	attempt("nil func with argument", func() {
		var f func(int)
		defer f(5)
		say("body is reached")
	})
	attempt("nil func in a loop", func() {
		var f func()
		for i := 0; i < 2; i++ {
			defer f()
		}
		say("body is reached")
	})
}

func deferNilFuncMiddle() {
	var f func()
	defer mark8(1)
	defer recovered()
	defer mark8(2)
	defer f()
	defer mark8(3)
	say("body")
}

func deferNilInterface() {
	attempt("nil interface", func() {
		var s shower
		defer mark8(1)
		defer s.plain()
		say("body is not reached")
	})
	attempt("nil pointer, method with pointer receiver", func() {
		var c *counter
		defer c.plain()
		say("body is reached")
	})
	attempt("nil pointer, method with value receiver", func() {
		var c *counter
		defer c.show("x")
		say("body is not reached")
	})
}

func deferGoroutine() {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer mark8(1)
		func() {
			defer recovered()
			panic("in goroutine")
		}()
		say("goroutine goes on")
	}()
	<-done
	var wg sync.WaitGroup
	sum := make([]int, 4)
	for i := range sum {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			defer func() { sum[i] *= 2 }()
			sum[i] = i + 1
		}(i)
	}
	wg.Wait()
	say(sum[0], sum[1], sum[2], sum[3])
}

func deferNested() {
	defer func() {
		defer func() {
			defer mark8(3)
			say("level 3")
		}()
		defer mark8(2)
		say("level 2")
	}()
	defer mark8(1)
	say("level 1")
}

//go:noinline
func recursion(n int) int {
	defer mark8(n)
	if n == 0 {
		return 0
	}
	return 1 + recursion(n-1)
}

func deferRecursion() { say("depth", recursion(6)) }

func small(v int) int { return v * 3 }

func callsSmall(v int) int {
	r := small(v)
	defer mark8(small(v))
	return r
}

func deferInlined() {
	say(callsSmall(1), callsSmall(2))
	func() {
		defer func() { say("immediate", small(7)) }()
	}()
}

type store struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	data map[string]int
}

func (s *store) set(k string, v int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data[k] = v
}

func (s *store) get(k string) int {
	s.rw.RLock()
	defer s.rw.RUnlock()
	return s.data[k]
}

func deferUnlock() {
	s := &store{data: map[string]int{}}
	for i := 0; i < 10; i++ {
		s.set(strconv.Itoa(i%3), i)
	}
	say(s.get("0"), s.get("1"), s.get("2"))
}

// deferPool takes more records than one processor's pool holds and gives them back, several times and in two sizes.
func deferPool() {
	n := 0
	for round := 0; round < 4; round++ {
		func() {
			for i := 0; i < 80; i++ {
				defer func() { n++ }()
				defer func(a, b, c, d, e int) { n += a }(i, 0, 0, 0, 0)
			}
		}()
		say("round", round, n)
	}
}

func deferInLoopBody() {
	for i := 0; i < 3; i++ {
		func() {
			defer mark8(i)
			say("body", i)
		}()
	}
}

//go:noinline
func gives(a int) (int, string) { say("gives", a); return a, "unused" }

func deferReturnsIgnored() {
	defer gives(1)
	for i := 2; i < 4; i++ {
		defer gives(i)
	}
}

func exitDeferred() {
	defer mark8(1)
	defer func() {
		say("exits with 3, mark8 1 never runs")
		os.Exit(3)
	}()
	say("body")
}
