// Command stories holds one small program a case, each after a kind of public bug report about defer, panic, recover or their debuggers: what a
// debugger says about them is compared line by line with what Go's source says (tests/stories.py).
//
//	stories list         the names of the cases, one a line
//	stories NAME         runs one case
//
// Each case stands in a file of its own and calls nothing of another one but say and attempt. Standard output is the same on every run. From 1.21 on
// the go line is 1.21 (go.121.mod): panic(nil) is an error there.
package main

import (
	"os"
	"strconv"
	"syscall"
)

var table = []struct {
	name string
	run  func()
}{
	{"embedded", embedded},
	{"goexit", goexit},
	{"goexit-crash", goexitCrash},
	{"ifdefer", ifDefer},
	{"missed", missed},
	{"named", named},
	{"next", next},
	{"nilfunc", nilFunc},
	{"nilfunc-crash", nilFuncCrash},
	{"once", onceCase},
	{"opengrow", openGrow},
	{"panicnil", panicNil},
	{"panicnil-crash", panicNilCrash},
	{"watch", watchCase},
	{"wrapper", wrapper},
	{"wraps", wraps},
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "list" {
		for _, c := range table {
			say(c.name)
		}
		return
	}
	for _, c := range table {
		if c.name == os.Args[1] {
			c.run()
			say("end")
			return
		}
	}
	os.Exit(2)
}

// say writes one line with one system call and no defer.
func say(args ...interface{}) {
	line := make([]byte, 0, 80)
	for i, arg := range args {
		if i > 0 {
			line = append(line, ' ')
		}
		switch v := arg.(type) {
		case nil:
			line = append(line, "nil"...)
		case string:
			line = append(line, v...)
		case int:
			line = strconv.AppendInt(line, int64(v), 10)
		case bool:
			line = strconv.AppendBool(line, v)
		case error:
			line = append(line, v.Error()...)
		default:
			line = append(line, '?')
		}
	}
	syscall.Write(1, append(line, '\n'))
}

// attempt calls f and says what it panics with.
func attempt(what string, f func()) {
	defer func() { say(what, "recovers", recover()) }()
	f()
}
