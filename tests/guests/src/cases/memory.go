// The collector, finalizers and maps.
package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"example.com/guests/work"
)

func init() {
	add("gc", map[string]func(){
		"list":      gcList,
		"tree":      gcTree,
		"finalizer": gcFinalizer,
		"big":       gcBig,
		"maps":      gcMaps,
		"defers":    gcDefers,
		"percent":   gcPercent,
		"strings":   gcStrings,
		"parallel":  gcParallel,
	})
	add("map", map[string]func(){
		"int":     mapInt,
		"string":  mapString,
		"struct":  mapStruct,
		"nan":     mapNaN,
		"iterate": mapIterate,
		"delete":  mapDelete,
		"large":   mapLarge,
		"kinds":   mapKinds,
	})
	bench := map[string]func(){}
	for _, s := range work.Sections {
		s := s
		bench[s.Name] = func() { fmt.Printf("%016x\n", s.Run(1)) }
	}
	bench["all"] = func() {
		for _, s := range work.Sections {
			fmt.Printf("%-10s %016x\n", s.Name, s.Run(1))
		}
	}
	add("bench", bench)
}

type cell struct {
	next *cell
	data [6]int
}

func gcList() {
	var list *cell
	for round := 0; round < 4; round++ {
		for i := 0; i < 5000; i++ {
			list = &cell{next: list}
			list.data[i%6] = i
			if i%5 != 0 {
				list = list.next
			}
		}
		runtime.GC()
	}
	n, sum := 0, 0
	for c := list; c != nil; c = c.next {
		n++
		for _, v := range c.data {
			sum += v
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	say(n, sum, stats.NumGC >= 4)
}

type tree struct{ left, right *tree }

func plant(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{plant(depth - 1), plant(depth - 1)}
}

func (t *tree) count() int {
	if t == nil {
		return 0
	}
	return 1 + t.left.count() + t.right.count()
}

func gcTree() {
	keep := plant(12)
	n := 0
	for i := 0; i < 20; i++ {
		n += plant(9).count()
	}
	say(n, keep.count())
}

func gcFinalizer() {
	done := make(chan int, 1)
	func() {
		c := &cell{}
		c.data[0] = 77
		runtime.SetFinalizer(c, func(c *cell) {
			defer func() { recover(); done <- c.data[0] }()
			panic("in a finalizer")
		})
	}()
	for i := 0; i < 50; i++ {
		runtime.GC()
		select {
		case v := <-done:
			say("finalized", v)
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
	say("not finalized")
}

func gcBig() {
	sum := 0
	for i := 0; i < 12; i++ {
		b := make([]byte, 1<<20)
		b[i<<10] = byte(i)
		sum += int(b[i<<10]) + len(b)
	}
	debug.FreeOSMemory()
	say(sum)
}

func gcMaps() {
	m := map[int]*cell{}
	for i := 0; i < 3000; i++ {
		m[i] = &cell{}
		m[i].data[1] = i
		if i%3 == 0 {
			delete(m, i/2)
		}
	}
	runtime.GC()
	sum := 0
	for _, c := range m {
		sum += c.data[1]
	}
	say(len(m), sum)
}

func gcDefers() {
	for round := 0; round < 3; round++ {
		func() {
			for i := 0; i < 50; i++ {
				c := &cell{}
				c.data[2] = i
				defer func(text string) {
					if c.data[2]%25 == 0 {
						say(text, c.data[2])
					}
				}(strings.Repeat("x", round+1))
			}
			runtime.GC()
			defer runtime.GC()
		}()
	}
}

func gcPercent() {
	old := debug.SetGCPercent(10)
	s := 0
	for i := 0; i < 20000; i++ {
		s += len(make([]int, i%50))
	}
	say(old, debug.SetGCPercent(-1), s)
}

func gcStrings() {
	s, parts := "", []string{}
	for i := 0; i < 400; i++ {
		s += string('a' + rune(i%26))
		parts = append(parts, s[i/2:])
	}
	runtime.GC()
	n := 0
	for _, p := range parts {
		n += len(p) + int(p[0])
	}
	say(n)
}

func gcParallel() {
	out := make(chan int)
	for w := 0; w < 4; w++ {
		go func(w int) {
			n := 0
			for i := 0; i < 10; i++ {
				n += plant(7 + w%2).count()
			}
			out <- n
		}(w)
	}
	for i := 0; i < 5; i++ {
		runtime.GC()
	}
	say(<-out + <-out + <-out + <-out)
}

func mapInt() {
	m := map[int]int{}
	for i := 0; i < 5000; i++ {
		m[i*7919%10007] += i
	}
	sum := 0
	for k, v := range m {
		sum += k ^ v
	}
	_, ok := m[20000]
	say(len(m), sum, ok)
}

func mapString() {
	m := make(map[string][]int)
	for i := 0; i < 1000; i++ {
		k := fmt.Sprint("key", i%77)
		m[k] = append(m[k], i)
	}
	keys := []string{}
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	say(len(keys), keys[0], keys[76], len(m["key5"]))
	fmt.Println(map[string]int{"z": 1, "a": 2, "m": 3})
}

func mapStruct() {
	type key struct {
		a int32
		b string
		c interface{}
	}
	m := map[key]int{}
	for i := 0; i < 200; i++ {
		m[key{int32(i % 5), fmt.Sprint(i % 7), i%3 == 0}]++
	}
	say(len(m), m[key{1, "1", false}])
	arrays := map[[3]int]bool{{1, 2, 3}: true}
	say(arrays[[3]int{1, 2, 3}], arrays[[3]int{}])
}

func mapNaN() {
	m := map[float64]int{}
	for i := 0; i < 3; i++ {
		m[math.NaN()] = i
	}
	m[0]++
	m[math.Copysign(0, -1)]++
	say(len(m), m[0])
}

func mapIterate() {
	m := map[int]bool{}
	for i := 0; i < 100; i++ {
		m[i] = true
	}
	seen := 0
	for k := range m {
		seen += k
		delete(m, k)
		if k%2 == 0 {
			delete(m, k+1)
		}
	}
	say(len(m), seen >= 50*49)
}

func mapDelete() {
	m := map[uint32]string{}
	for round := 0; round < 5; round++ {
		for i := uint32(0); i < 500; i++ {
			m[i] = "x"
		}
		for i := uint32(0); i < 500; i += 2 {
			delete(m, i)
		}
	}
	for k := range m {
		delete(m, k)
	}
	say(len(m))
}

func mapLarge() {
	m := map[int][40]int{}
	for i := 0; i < 100; i++ {
		m[i] = [40]int{39: i}
	}
	sum := 0
	for _, v := range m {
		sum += v[39]
	}
	say(sum)
}

func mapKinds() {
	m := map[interface{}]int{1: 1, "1": 2, 1.0: 3, int8(1): 4, [1]int{1}: 5, struct{}{}: 6, true: 7, nil: 8, 'x': 9, 1i: 10}
	say(len(m), m[1], m["1"], m[1.0], m[int8(1)], m[[1]int{1}], m[struct{}{}], m[true], m[nil], m['x'], m[1i])
}
