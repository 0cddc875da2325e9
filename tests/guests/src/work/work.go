// Package work is what the benchmark guest and the case "bench" do: defers, panics and recoveries, and what ordinary programs do
// beside them: maps, sort, fmt, sieve, floats, trees that the collector walks. Each section gives a checksum that depends on the
// scale alone: not on the release, the machine or the order of iteration.
package work

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Section is one kind of work. Run does scale times the base amount and returns the checksum of its results.
type Section struct {
	Name string
	Run  func(scale int) uint64
}

// Sections in the order in which the benchmark guest runs them.
var Sections = []Section{
	{"loopdefers", loopDefers},
	{"defers", straightDefers},
	{"recovers", recovers},
	{"calls", calls},
	{"maps", maps},
	{"sort", sorts},
	{"fmt", formats},
	{"strings", stringWork},
	{"sieve", sieve},
	{"floats", floats},
	{"trees", trees},
	{"hash", hashes},
}

// mix folds v into the checksum h.
func mix(h, v uint64) uint64 {
	h ^= v
	h *= 0x100000001b3
	return h ^ h>>29
}

// xorshift is the only source of "random" numbers here.
type xorshift uint64

func (x *xorshift) next() uint64 {
	v := uint64(*x)
	v ^= v << 13
	v ^= v >> 7
	v ^= v << 17
	*x = xorshift(v)
	return v
}

// loopDefers: 200 functions with 100 pending defers each: records on the heap in every release.
func loopDefers(scale int) uint64 {
	h := uint64(1)
	one := func(round int) {
		for i := 0; i < 100; i++ {
			defer func(v int) { h = mix(h, uint64(v)) }(round + i)
		}
	}
	for r := 0; r < 200*scale; r++ {
		one(r)
	}
	return h
}

type account struct{ balance, moves uint64 }

func (a *account) add(v uint64) { a.balance += v; a.moves++ }

type adder interface{ add(uint64) }

// straightDefers: few defers per function: stack records in 1.13, open-coded later.
func straightDefers(scale int) uint64 {
	acc := &account{}
	var iface adder = acc
	one := func(i int) (sum uint64) {
		defer func() { sum += acc.moves }()
		defer acc.add(uint64(i))
		if i&3 == 0 {
			defer iface.add(7)
		}
		return uint64(i)
	}
	h := uint64(2)
	for i := 0; i < 100000*scale; i++ {
		h = mix(h, one(i))
	}
	return mix(h, acc.balance)
}

// recovers: panics recovered one, five and nine frames up, with a defer in each frame between.
func recovers(scale int) uint64 {
	h := uint64(3)
	var down func(depth int)
	down = func(depth int) {
		defer func() { h = mix(h, uint64(depth)) }()
		if depth == 0 {
			panic(int(h & 0xff))
		}
		down(depth - 1)
	}
	try := func(depth int) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("recovered %v", r)
			}
		}()
		down(depth)
		return nil
	}
	for i := 0; i < 2000*scale; i++ {
		h = mix(h, uint64(len(try(1+i%3*4).Error())))
		var index [4]int
		func() {
			defer func() {
				if e, ok := recover().(error); ok {
					h = mix(h, uint64(strings.Count(e.Error(), "out of range")))
				}
			}()
			index[(i&3)+int(h&1)] = i
		}()
		h = mix(h, uint64(index[i&3]))
	}
	return h
}

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

type shape interface{ area() float64 }
type square struct{ a float64 }
type disc struct{ r float64 }

func (s square) area() float64 { return s.a * s.a }
func (d *disc) area() float64  { return d.r * d.r * math.Pi }

// calls: recursion and dynamic dispatch.
func calls(scale int) uint64 {
	h := uint64(4)
	shapes := []shape{square{2}, &disc{3}, square{5}, &disc{7}}
	for i := 0; i < scale; i++ {
		h = mix(h, uint64(fib(27)))
		total := 0.0
		for j := 0; j < 1000000; j++ {
			total += shapes[j&3].area()
		}
		h = mix(h, math.Float64bits(total))
	}
	return h
}

// maps: integer and string keys, inserts, look-ups, deletions; sums are independent of the order of iteration.
func maps(scale int) uint64 {
	h := uint64(5)
	for s := 0; s < scale; s++ {
		x := xorshift(88172645463325252)
		m := make(map[uint64]uint64)
		for i := 0; i < 60000; i++ {
			m[x.next()%40000] += uint64(i)
		}
		for i := uint64(0); i < 40000; i += 3 {
			delete(m, i)
		}
		sum := uint64(0)
		for k, v := range m {
			sum += k * v
		}
		h = mix(h, sum)
		words := make(map[string]int)
		for i := 0; i < 40000; i++ {
			words["key"+strconv.Itoa(int(x.next()%5000))]++
		}
		best := 0
		for _, n := range words {
			if n > best {
				best = n
			}
		}
		h = mix(h, uint64(best)<<32|uint64(len(words)))
	}
	return h
}

type record struct {
	key  uint64
	name string
}

func sorts(scale int) uint64 {
	h := uint64(6)
	for s := 0; s < scale; s++ {
		x := xorshift(1234567)
		rs := make([]record, 30000)
		for i := range rs {
			k := x.next()
			rs[i] = record{k, strconv.FormatUint(k%1000, 36)}
		}
		sort.Slice(rs, func(i, j int) bool { return rs[i].key < rs[j].key })
		h = mix(h, rs[0].key)
		sort.SliceStable(rs, func(i, j int) bool { return rs[i].name < rs[j].name })
		h = mix(h, rs[len(rs)/2].key)
		fs := make([]float64, 30000)
		for i := range fs {
			fs[i] = float64(x.next()%100000) / 7
		}
		sort.Float64s(fs)
		h = mix(h, math.Float64bits(fs[12345]))
	}
	return h
}

func formats(scale int) uint64 {
	h := uint64(7)
	for i := 0; i < 8000*scale; i++ {
		s := fmt.Sprintf("%d %08x %q %v %6.2f %+v", i, i*i, "go", []int{i, i + 1}, float64(i)/3, record{uint64(i), "r"})
		for j := 0; j < len(s); j += 5 {
			h = mix(h, uint64(s[j]))
		}
	}
	return h
}

func stringWork(scale int) uint64 {
	h := uint64(8)
	text := strings.Repeat("the quick brown fox jumps over the lazy dog, ", 200)
	for i := 0; i < 60*scale; i++ {
		fields := strings.Fields(strings.Replace(strings.ToUpper(text), "O", "0", -1))
		h = mix(h, uint64(len(strings.Join(fields, "-"))))
		h = mix(h, uint64(strings.Count(text, "fox")+strings.LastIndex(text, "quick")))
		n := 0
		for _, r := range text {
			if r == 'e' {
				n++
			}
		}
		h = mix(h, uint64(n))
	}
	return h
}

func sieve(scale int) uint64 {
	h := uint64(9)
	for s := 0; s < scale; s++ {
		composite := make([]bool, 2000000)
		count := 0
		for i := 2; i < len(composite); i++ {
			if composite[i] {
				continue
			}
			count++
			for j := i * i; j < len(composite); j += i {
				composite[j] = true
			}
		}
		h = mix(h, uint64(count))
	}
	return h
}

// floats: a small n-body step and a matrix product; only + - * / and Sqrt, no fused operations (each product is converted
// explicitly, which forbids fusing), so that every machine gives the same bits.
func floats(scale int) uint64 {
	h := uint64(10)
	const n = 96
	var a, b, c [n][n]float64
	for i := 0; i < n; i++ {
		for j := 0; j < n; j++ {
			a[i][j] = float64(i+1) / float64(j+2)
			b[i][j] = float64(j-i) / 3
		}
	}
	for s := 0; s < scale; s++ {
		for i := 0; i < n; i++ {
			for j := 0; j < n; j++ {
				sum := 0.0
				for k := 0; k < n; k++ {
					sum += float64(a[i][k] * b[k][j])
				}
				c[i][j] = sum
			}
		}
		x, y, vx, vy := 1.0, 0.0, 0.0, 1.0
		for i := 0; i < 400000; i++ {
			r2 := float64(x*x) + float64(y*y)
			r3 := float64(r2 * math.Sqrt(r2))
			vx -= float64(0.001 * (x / r3))
			vy -= float64(0.001 * (y / r3))
			x += float64(0.001 * vx)
			y += float64(0.001 * vy)
		}
		h = mix(mix(h, math.Float64bits(c[n/2][n/3])), math.Float64bits(x))
	}
	return h
}

type node struct{ left, right *node }

func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{grow(depth - 1), grow(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

// trees: garbage for the collector beside one tree that stays.
func trees(scale int) uint64 {
	h := uint64(11)
	long := grow(14)
	for i := 0; i < 40*scale; i++ {
		h = mix(h, uint64(grow(6+i%7).count()))
	}
	return mix(h, uint64(long.count()))
}

// hashes: integer work on a byte stream: FNV-1a, CRC by table, rotations, 128-bit products.
func hashes(scale int) uint64 {
	var table [256]uint32
	for i := range table {
		c := uint32(i)
		for k := 0; k < 8; k++ {
			if c&1 != 0 {
				c = c>>1 ^ 0xedb88320
			} else {
				c >>= 1
			}
		}
		table[i] = c
	}
	h, crc := uint64(12), ^uint32(0)
	x := xorshift(99)
	for i := 0; i < 1500000*scale; i++ {
		v := x.next()
		crc = crc>>8 ^ table[byte(crc)^byte(v)]
		h = (h ^ uint64(byte(v>>8))) * 0x100000001b3
		h = h<<5 | h>>59
		if i%1000 == 0 {
			h = h/7 + v%1013
		}
	}
	return mix(h, uint64(^crc))
}
