package main

import (
	"syscall"
	_ "unsafe"
)

// As os.Args; package os would be a third of the program.
//
//go:linkname arguments os.runtime_args
func arguments() []string

func main() {
	args := arguments()[1:]
	switch len(args) {
	case 0:
		for _, row := range escapes {
			say(row.name + "\t" + row.kind + "\n")
		}
	case 1:
		row, ok := limits[args[0]]
		if !ok {
			syscall.Exit(9)
		}
		row()
	default:
		top = args[0]
		runEscapes(args[1:])
	}
}
