// Command cases is the guest with a case per argument.
//
//	cases list         the names of the cases that this build has, one a line
//	cases NAME         runs one case
//
// Standard output is the same on every run: no addresses, no order of maps, no times. Lines that start with "addr " are the
// exception: they state facts that differ by machine and release (addresses of locals, callers), for tests that normalise them.
// Cases named crash-* end by an uncaught panic or fatal error and write the runtime's report to standard error; exit-* end by os.Exit.
// A case that needs newer syntax than go 1.12 stands in a file of its own behind a build tag. The tag "small" leaves out the library's
// cases (num, text, fmt, sort, lib), for the releases of the committed set that can't have everything.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
)

var table = map[string]func(){}

// add registers the cases of one file under the group's name: group "defer", case "loop" is "defer-loop".
func add(group string, cases map[string]func()) {
	for name, run := range cases {
		table[group+"-"+name] = run
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: cases list | NAME [ARGS]")
		os.Exit(2)
	}
	if os.Args[1] == "list" {
		var names []string
		for name := range table {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Println(strings.Join(names, "\n"))
		return
	}
	run := table[os.Args[1]]
	if run == nil {
		fmt.Fprintln(os.Stderr, "cases: no case", os.Args[1])
		os.Exit(2)
	}
	run()
	say("end")
}

// say writes one line with one write call and little else, so that the marker itself adds no events worth reading.
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

// recovered is deferred directly: it says what it recovered.
func recovered() {
	say("recovered", recover())
}

// attempt runs f and says what came out of it.
func attempt(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			say(what, "panics:", r)
		}
	}()
	f()
	say(what, "returns")
}

//go:noinline
func use(args ...interface{}) {}

// numbers gives n numbers without order.
func numbers(n int) []int {
	s, x := make([]int, n), uint32(1)
	for i := range s {
		x = x*1664525 + 1013904223
		s[i] = int(x >> 8)
	}
	return s
}
