// Command tricky is for defers in unusual company: what is easy to get wrong when events are told from a running program.
// Like cases it has a case per argument and functions that print a line when they run; unlike cases it is not in the committed
// set: `./dev guests` builds it, and the tests of the runtime model take it when it is there.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

var table = map[string]func(){
	"loop-closures":     loopClosures,
	"loop-jumps":        loopJumps,
	"nested-recover":    nestedRecover,
	"goexit-panic":      goexitPanic,
	"goexit-main":       goexitMain,
	"goexit-deferred":   goexitDeferred,
	"callees":           callees,
	"recursive-panics":  recursivePanics,
	"recursive-recover": recursiveRecover,
	"grow-deferred":     growDeferred,
	"many-goroutines":   manyGoroutines,
	"eight-conditional": eightConditional,
	"deferred-defers":   deferredDefers,
	"fault-deferred":    faultDeferred,
	"spawning":          spawning,
	"replaced-often":    replacedOften,
	"exit-deferred":     exitDeferred,
	"dropped-bits":      droppedBits,
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "list" {
		var names []string
		for name := range table {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Println(strings.Join(names, "\n"))
		return
	}
	table[os.Args[1]]()
	say("end")
}

func say(args ...interface{}) {
	line := make([]byte, 0, 80)
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		switch v := arg.(type) {
		case string:
			line = append(line, v...)
		case int:
			line = strconv.AppendInt(line, int64(v), 10)
		case bool:
			line = strconv.AppendBool(line, v)
		case runtime.Error:
			line = append(line, "runtime error "+strconv.Quote(v.Error())...)
		case error:
			line = append(line, "error "+strconv.Quote(v.Error())...)
		default:
			line = append(line, fmt.Sprint(v)...)
		}
	}
	os.Stdout.Write(append(line, '\n'))
}

//go:noinline
func mark() { say("mark") }

//go:noinline
func mark8(a int) { say("mark8", a) }

//go:noinline
func mark16(a, b int) { say("mark16", a, b) }

func recovered() { say("recovered", recover()) }

func inGoroutine(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
		say("goroutine returns")
	}()
	<-done
}

//go:noinline
func descend(n int) int {
	var pad [64]int
	pad[n&63] = n
	if n == 0 {
		return 0
	}
	return descend(n-1) + pad[n&63] - n + 1
}

func loopClosures() {
	total := 0
	for i := 0; i < 3; i++ {
		for j := i; j < 3; j++ {
			i, j := i, j
			defer func() { total += i * j; mark16(total, i) }()
			if j == 1 {
				defer mark16(i, j)
				continue
			}
			defer func(v int) { total -= v }(j)
		}
	}
	defer mark8(total)
}

//go:noinline
func jumps(n int) (r int) {
	defer func() { r += 100 }()
again:
	for i := 0; ; i++ {
		defer mark8(n*10 + i)
		switch {
		case i == n:
			return i
		case i == 3:
			n = 1
			goto again
		}
	}
}

func loopJumps() { say(jumps(0), jumps(2), jumps(9)) }

func nestedRecover() {
	defer recovered()
	defer func() {
		defer func() {
			defer recovered()
			defer func() {
				defer recovered()
				panic("third")
			}()
			panic("second")
		}()
		mark()
		defer recovered()
		panic("another")
	}()
	panic("first")
}

// goexitPanic: the panic of a deferred call during Goexit is recovered frames above the one that called Goexit.
func goexitPanic() {
	inGoroutine(func() {
		defer mark8(1)
		defer recovered()
		func() {
			defer mark8(2)
			func() {
				defer mark8(3)
				defer func() {
					defer mark8(4)
					panic("during Goexit")
				}()
				runtime.Goexit()
			}()
			say("never")
		}()
		say("never")
	})
}

// goexitMain: main's goroutine ends, the others go on.
func goexitMain() {
	go func() {
		defer os.Exit(3)
		for i := 0; i < 3; i++ {
			runtime.Gosched()
		}
		say("the other goroutine exits")
	}()
	defer mark8(1)
	func() {
		defer mark8(2)
		runtime.Goexit()
	}()
}

// goexitDeferred: Goexit among the deferred calls of a panic, and a panic among those of that Goexit.
func goexitDeferred() {
	inGoroutine(func() {
		defer mark8(1)
		defer func() {
			defer recovered()
			defer func() {
				defer recovered()
				panic("in the Goexit")
			}()
			runtime.Goexit()
		}()
		panic("first")
	})
}

type thing struct {
	name string
	n    int
}

//go:noinline
func (t thing) show() { say(t.name, t.n) }

//go:noinline
func (t *thing) add(by int) { t.n += by; say(t.name, "becomes", t.n) }

//go:noinline
func (t *thing) rescue() { say(t.name, "recovers", recover()) }

type holder struct {
	*thing
	pad [3]int
}

type doer interface {
	show()
	add(int)
	rescue()
}

// callees: everything that can stand behind `defer`.
func callees() {
	t := &thing{"thing", 1}
	h := holder{thing: t}
	var d doer = h
	f := t.add
	ch := make(chan int, 1)
	m := map[int]int{1: 1}
	func() {
		defer d.rescue()
		defer d.show()
		defer d.add(1)
		defer f(10)
		defer h.show()
		defer thing.show(*t)
		defer (*thing).add(t, 100)
		defer doer.add(d, 1000)
		panic("callees")
	}()
	func() {
		defer d.rescue()
		for i := 0; i < 2; i++ {
			defer d.add(i)
			defer f(i)
			defer delete(m, i)
		}
		defer close(ch)
		defer print()
		defer copy([]int{1}, []int{2})
		defer panic("deferred builtin")
		defer recover()
	}()
	_, open := <-ch
	say(open, len(m))
}

// recursivePanics has the shape of golang/go#36786: each deferred call panics and recovers the one before.
func recursivePanics() {
	defer recovered()
	var f func(n int)
	f = func(n int) {
		defer func() {
			defer mark8(n)
			if r := recover(); r != nil && n > 0 {
				f(n - 1)
			}
			panic(fmt.Sprint("out of ", n))
		}()
		panic(fmt.Sprint("into ", n))
	}
	f(3)
}

//go:noinline
func deeper(n int) {
	defer func() {
		if n%2 == 0 {
			say("even", n, recover())
			return
		}
		defer recovered()
		if n > 1 {
			deeper(n - 2)
		}
		panic(n)
	}()
	if n > 0 {
		deeper(n - 1)
	}
	panic(n * 100)
}

func recursiveRecover() { attempt(func() { deeper(5) }) }

func attempt(f func()) {
	defer func() {
		if r := recover(); r != nil {
			say("panics", r)
		}
	}()
	f()
	say("returns")
}

// growDeferred: stacks move while deferred calls run, with frames of all kinds above.
func growDeferred() {
	inGoroutine(func() {
		local := 7
		defer func() { say("local", local, descend(1500)) }()
		for i := 0; i < 2; i++ {
			defer func(p *int) { *p += descend(300); mark8(i) }(&local)
		}
		func() {
			defer recovered()
			defer func() { local += descend(200); mark8(local) }()
			func() {
				for i := 0; i < 2; i++ {
					defer func() { local += descend(400); mark16(local, i) }()
				}
				panic(descend(50))
			}()
		}()
	})
}

func manyGoroutines() {
	const n = 50
	results := make(chan int)
	for i := 0; i < n; i++ {
		go func(i int) {
			sum := i
			defer func() { results <- sum }()
			defer func() {
				if r := recover(); r != nil {
					sum += r.(int)
				}
			}()
			for j := 0; j < i%5; j++ {
				defer func() { sum++; runtime.Gosched() }()
			}
			switch i % 4 {
			case 0:
				panic(descend(i * 20))
			case 1:
				runtime.Goexit()
			case 2:
				defer func() { panic(1000) }()
				panic(2000)
			}
		}(i)
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += <-results
	}
	say("sum", sum)
}

//go:noinline
func eight(bits int) (r int) {
	if bits&1 != 0 {
		defer mark8(1)
	}
	if bits&2 != 0 {
		defer func() { r++ }()
	}
	if bits&4 != 0 {
		defer mark16(bits, 4)
		if bits&8 != 0 {
			return bits
		}
	}
	defer func() {
		if bits&16 != 0 {
			say("eight", recover())
		}
	}()
	if bits&32 != 0 {
		defer mark8(5)
	} else {
		defer mark()
	}
	if bits&64 != 0 {
		panic(bits)
	}
	if bits&128 != 0 {
		defer mark8(8)
	}
	return r + 1
}

func eightConditional() {
	for bits := 0; bits < 256; bits += 11 {
		bits := bits
		attempt(func() { say("eight returns", eight(bits)) })
	}
}

// deferredDefers: deferred calls that defer, in loops, while a panic is under way.
func deferredDefers() {
	defer recovered()
	for i := 0; i < 2; i++ {
		i := i
		defer func() {
			for j := 0; j < 2; j++ {
				defer mark16(i, j)
				defer func() {
					defer mark8(j)
				}()
			}
		}()
	}
	panic("deferred defers")
}

var zero int
var null *thing

// faultDeferred: signals in deferred calls, during a panic and after a return.
func faultDeferred() {
	func() {
		defer recovered()
		defer func() { mark8(10 / zero) }()
		defer func() { mark8(null.n) }()
		panic("first")
	}()
	func() {
		defer recovered()
		defer func() {
			defer recovered()
			null.add(1)
		}()
		defer null.show()
	}()
	func() {
		defer recovered()
		var f func()
		defer f()
		defer mark8(5)
	}()
}

func spawning() {
	done := make(chan bool)
	func() {
		defer func() {
			go func() {
				defer func() { done <- true }()
				defer recovered()
				panic("in a goroutine of a deferred call")
			}()
			<-done
			mark()
		}()
		defer recovered()
		panic("outer")
	}()
}

// replacedOften: every deferred call replaces the panic before.
func replacedOften() {
	defer recovered()
	for i := 0; i < 5; i++ {
		i := i
		defer func() { panic(i) }()
	}
	defer func() { panic("open or not") }()
}

type pointers struct{ a, b *int }

//go:noinline
func (p *pointers) set(v *int) {
	old := p.a // from here on the compiler knows that p is not nil
	defer mark()
	p.a, p.b = v, old
}

//go:noinline
func (p *pointers) setTwice(v *int) (r int) {
	old := p.a
	defer mark8(2)
	defer mark8(1)
	p.a, p.b = v, old
	return 5
}

// droppedBits: nothing between the defer and the exit lets the runtime look, so the compiler drops the store that would say that
// the defer is there; the stores of pointers have write barriers.
func droppedBits() {
	p, v := &pointers{}, 7
	p.set(&v)
	p.set(nil)
	say("twice", p.setTwice(&v))
}

func exitDeferred() {
	defer recovered()
	defer func() {
		defer os.Exit(4)
		defer mark8(1)
		panic("exits before anybody recovers")
	}()
}
