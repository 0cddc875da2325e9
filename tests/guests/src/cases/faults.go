// Run-time errors of every kind, recovered: by a signal (nil, unmapped, division) or by a check in the code.
package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"
)

func init() {
	add("fault", map[string]func(){
		"nil":       faultNil,
		"nilfar":    faultNilFar,
		"nilfunc":   faultNilFunc,
		"nilmap":    faultNilMap,
		"index":     faultIndex,
		"slice":     faultSlice,
		"division":  faultDivision,
		"assertion": faultAssertion,
		"channel":   faultChannel,
		"make":      faultMake,
		"hash":      faultHash,
		"compare":   faultCompare,
		"repeat":    faultRepeat,
		"unmapped":  faultUnmapped,
		"defers":    faultDefers,
		"registers": faultRegisters,
		"leaf":      faultLeaf,
	})
}

type large struct {
	pad  [1 << 20]byte
	last int
}

type method interface{ do() int }

// These are variables so that the compiler can't know their values.
var (
	zero     int
	five     = 5
	nilPoint *point
	nilLarge *large
	nilFunc  func() int
	nilMap   map[string]int
	nilFace  method
	nilArray *[8]int
	nilSlice []int
)

func faultNil() {
	attempt("read", func() { use(nilPoint.y) })
	attempt("write", func() { nilPoint.x = 1 })
	attempt("copy", func() { p := *nilPoint; use(p) })
	attempt("copy large", func() { l := *nilLarge; use(len(l.pad)) })
	attempt("array element", func() { use(nilArray[five]) })
	attempt("array range", func() {
		for _, v := range nilArray {
			use(v)
		}
	})
	attempt("array length", func() { use(len(nilArray)) })
	attempt("pointer to pointer", func() { var p **int; **p = 1 })
	attempt("string in struct", func() { var s *struct{ a, b string }; use(len(s.b)) })
}

func faultNilFar() {
	attempt("read far", func() { use(nilLarge.last) })
	attempt("write far", func() { nilLarge.last = 1 })
	attempt("byte far", func() { use(nilLarge.pad[five*1000]) })
}

func faultNilFunc() {
	attempt("function", func() { use(nilFunc()) })
	attempt("interface", func() { use(nilFace.do()) })
	attempt("method value", func() { f := nilFace.do; use(f) })
}

func faultNilMap() {
	attempt("read", func() { say(nilMap["a"], len(nilMap)) })
	attempt("delete", func() { delete(nilMap, "a") })
	attempt("write", func() { nilMap["a"] = 1 })
	attempt("write integer key", func() { var m map[int]int; m[five]++ })
}

func faultIndex() {
	s, a, t := []int{1, 2, 3}, [4]int{}, "text"
	attempt("slice", func() { use(s[five]) })
	attempt("slice write", func() { s[five] = 1 })
	attempt("negative", func() { use(s[zero-1]) })
	attempt("array", func() { use(a[five]) })
	attempt("string", func() { use(t[five]) })
	attempt("nil slice", func() { use(nilSlice[zero]) })
	attempt("unsigned", func() { use(s[uint64(math.MaxUint64)-uint64(zero)]) })
	attempt("byte index", func() { use(s[uint8(200+five)]) })
	attempt("inside", func() { use(s[five-3]) })
}

func faultSlice() {
	s, a, t := make([]int, 3, 4), &[4]int{}, "text"
	attempt("high", func() { use(s[:five]) })
	attempt("low over high", func() { use(s[five-2 : zero]) })
	attempt("low over length", func() { use(s[five:]) })
	attempt("string high", func() { use(t[:five]) })
	attempt("string low", func() { use(t[five:]) })
	attempt("string low over high", func() { use(t[five-2 : five-4]) })
	attempt("array", func() { use(a[:five]) })
	attempt("full, capacity", func() { use(s[0:1:five]) })
	attempt("full, high", func() { use(s[0:five:4]) })
	attempt("full, low", func() { use(s[five-2 : 2 : 3]) })
	attempt("negative", func() { use(s[zero-1:]) })
	attempt("within capacity", func() { use(s[:4]) })
}

func faultDivision() {
	attempt("int", func() { use(five / zero) })
	attempt("remainder", func() { use(five % zero) })
	attempt("int8", func() { use(int8(five) / int8(zero)) })
	attempt("int32", func() { use(int32(five) / int32(zero)) })
	attempt("uint32", func() { use(uint32(five) % uint32(zero)) })
	attempt("uint64", func() { use(uint64(five) / uint64(zero)) })
	attempt("overflow", func() {
		least, minus := int64(math.MinInt64)+int64(zero), int64(zero-1)
		say(least/minus == least, least%minus, int32(math.MinInt32+zero)/int32(minus))
	})
	attempt("float", func() { say(math.IsInf(float64(five)/float64(zero), 1)) })
}

type doer struct{}

func (doer) do() int { return 1 }

func faultAssertion() {
	var empty interface{}
	var number interface{} = 5
	var text interface{} = "text"
	var d method = doer{}
	attempt("nil to int", func() { use(empty.(int)) })
	attempt("int to string", func() { use(number.(string)) })
	attempt("string to error", func() { use(text.(error)) })
	attempt("nil to interface", func() { use(empty.(method)) })
	attempt("interface to other", func() { use(d.(fmt.Stringer)) })
	attempt("interface to pointer", func() { use(d.(*twin)) })
	attempt("comma ok", func() { _, ok := number.(string); say(ok) })
	attempt("switch", func() {
		for _, v := range []interface{}{1, "a", nil, d, 2.5} {
			switch x := v.(type) {
			case int:
				say("int", x)
			case string:
				say("string", x)
			case method:
				say("method", x.do())
			case nil:
				say("nil")
			default:
				say("other")
			}
		}
	})
}

type twin struct{}

func (*twin) do() int { return 2 }

func faultChannel() {
	attempt("send on closed", func() { c := make(chan int, 1); close(c); c <- 1 })
	attempt("close twice", func() { c := make(chan int); close(c); close(c) })
	attempt("close nil", func() { var c chan int; close(c) })
	attempt("select send on closed", func() {
		c := make(chan int, 1)
		close(c)
		select {
		case c <- 1:
		default:
		}
	})
	attempt("closed while sending", func() {
		c, out := make(chan int), make(chan interface{})
		go func() {
			defer func() { out <- recover() }()
			c <- 1
		}()
		for i := 0; i < 50; i++ {
			runtime.Gosched()
		}
		close(c)
		say("sender got", <-out)
	})
	attempt("receive from closed", func() { c := make(chan int); close(c); v, ok := <-c; say(v, ok) })
}

func faultMake() {
	attempt("negative length", func() { use(make([]int, zero-1)) })
	attempt("too long", func() { use(make([]int, 1<<62+zero)) })
	attempt("capacity below length", func() { use(make([]int, five, five-1)) })
	attempt("channel", func() { use(make(chan int, zero-1)) })
	attempt("map hint", func() { use(make(map[int]int, zero-1)) })
}

func faultHash() {
	attempt("slice key", func() { m := map[interface{}]int{}; m[[]int{1}] = 2 })
	attempt("function key", func() { m := map[interface{}]int{}; use(m[mark]) })
	attempt("nested", func() { m := map[interface{}]int{}; m[[1]interface{}{map[int]int{}}] = 1 })
}

func faultCompare() {
	var a, b interface{} = []int{1}, []int{1}
	attempt("slices", func() { say(a == b) })
	var c, d interface{} = struct{ f func() }{}, struct{ f func() }{}
	attempt("structs", func() { say(c == d) })
	attempt("different types", func() { say(a == c) })
}

func faultRepeat() {
	attempt("negative", func() { use(strings.Repeat("x", zero-1)) })
}

// faultUnmapped reads where nothing is mapped, above the first page: a fault that is no nil dereference.
func faultUnmapped() {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	attempt("read", func() { use(*(*int)(unsafe.Pointer(uintptr(0xdead0000 + zero)))) })
	attempt("write", func() { *(*byte)(unsafe.Pointer(uintptr(0xdead0000 + zero))) = 1 })
	attempt("read only", func() {
		text := "constant"
		p := (*[2]uintptr)(unsafe.Pointer(&text))
		*(*byte)(unsafe.Pointer(p[0])) = 'x'
	})
}

//go:noinline
func faulty(n int, p *point) int {
	defer mark8(n)
	if n == 0 {
		return p.x
	}
	return faulty(n-1, p) + 1
}

func faultDefers() {
	defer recovered()
	defer func() {
		defer recovered()
		say(five / zero)
	}()
	faulty(4, nil)
}

func faultRegisters() {
	sum := 0
	for i := 0; i < 12; i++ {
		a, b, c := i, i*i, i*i*i
		func() {
			defer func() {
				if recover() != nil {
					sum += 1000
				}
			}()
			sum += a + b/(i%3) + c
		}()
		sum += a ^ b ^ c
	}
	say("sum", sum)
}

//go:noinline
func leaf(p *int) int { return *p }

//go:noinline
func leafDivide(a, b int) int { return a / b }

// faultLeaf: faults in functions without a frame: the return address is on top of the stack or still in a register.
func faultLeaf() {
	attempt("leaf read", func() { use(leaf(nil)) })
	attempt("leaf division", func() { use(leafDivide(five, zero)) })
	say(leaf(&five), leafDivide(five, five))
}
