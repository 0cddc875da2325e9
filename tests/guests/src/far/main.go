// Command far is the benchmark guest of what lies far apart: each section prints one line with its checksum.
//
//	far [SECTION...]
//
//	heap  a list of 256 MiB in scattered order, walked from end to end
//	tree  a search tree of a million nodes, filled and looked up in scattered order, with the garbage collector at work
//	deep  a stack a million frames deep, down and up again
package main

import (
	"fmt"
	"os"
)

type link struct {
	next  *link
	value uint64
	more  [6]uint64
}

// A generator with full period: every node is visited once.
func heap() uint64 {
	const count = 1 << 22
	nodes := make([]link, count)
	at := uint64(1)
	for i := range nodes {
		next := (at*1664525 + 1013904223) % count
		nodes[at].next, nodes[at].value = &nodes[next], uint64(i)*at
		at = next
	}
	sum := uint64(0)
	p := &nodes[1]
	for i := 0; i < 2*count; i++ {
		sum = sum*31 + p.value
		p = p.next
	}
	return sum
}

type node struct {
	left, right *node
	key, value  uint64
}

func (n *node) put(key, value uint64) *node {
	if n == nil {
		return &node{key: key, value: value}
	}
	at := n
	for {
		side := &at.left
		if key > at.key {
			side = &at.right
		}
		if key == at.key {
			at.value += value
			return n
		}
		if *side == nil {
			*side = &node{key: key, value: value}
			return n
		}
		at = *side
	}
}

func tree() uint64 {
	var root *node
	x, sum := uint64(88172645463325252), uint64(0)
	for i := uint64(0); i < 1000000; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		root = root.put(x%2000000, i)
	}
	for at := root; at != nil; at = at.right {
		sum = sum*31 + at.value
	}
	return sum
}

//go:noinline
func down(n int, a, b uint64) uint64 {
	if n == 0 {
		return a ^ b
	}
	var local [8]uint64
	local[n%8] = a + uint64(n)
	r := down(n-1, b+local[n%8], a)
	return r*31 + local[(n+1)%8] + local[n%8]
}

func deep() uint64 {
	sum := uint64(0)
	for i := 0; i < 4; i++ {
		done := make(chan uint64)
		go func() { done <- down(1000000, uint64(i), 7) }()
		sum = sum*31 + <-done
	}
	return sum
}

func main() {
	sections := map[string]func() uint64{"heap": heap, "tree": tree, "deep": deep}
	names := os.Args[1:]
	if len(names) == 0 {
		names = []string{"heap", "tree", "deep"}
	}
	for _, name := range names {
		run, ok := sections[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "far: no section", name)
			os.Exit(2)
		}
		fmt.Printf("%-5s %016x\n", name, run())
	}
}
