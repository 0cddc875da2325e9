// Command bench is the benchmark guest. Each section prints one line with its checksum; output depends on the arguments alone.
//
//	bench [-n SCALE] [SECTION...]
//
// SCALE multiplies the work (default 1); without SECTION all run, in order.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	scale := 1
	args := os.Args[1:]
	if len(args) >= 2 && args[0] == "-n" {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 1 {
			fail("bad scale", args[1])
		}
		scale, args = n, args[2:]
	}
	if len(args) == 0 {
		for _, s := range sections {
			args = append(args, s.Name)
		}
	}
	for _, name := range args {
		found := false
		for _, s := range sections {
			if s.Name == name {
				fmt.Printf("%-10s %016x\n", s.Name, s.Run(scale))
				found = true
			}
		}
		if !found {
			fail("no section", name)
		}
	}
}

func fail(what, which string) {
	fmt.Fprintln(os.Stderr, "bench:", what, which)
	os.Exit(2)
}
