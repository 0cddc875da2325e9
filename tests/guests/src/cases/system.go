// What a program asks of its operating system: arguments, environment, standard input, files that are not there, pipes (signals: program
// signals, because a program that links os/signal is never found deadlocked before 1.14).
package main

import (
	"io"
	"io/ioutil"
	"os"
	"runtime"
	"strings"
	"time"
)

func init() {
	add("os", map[string]func(){
		"args":    osArgs,
		"env":     osEnv,
		"stdin":   osStdin,
		"stderr":  func() { os.Stderr.WriteString("to stderr\n"); println("println", 1, true, 'x') },
		"missing": osMissing,
		"pipe":    osPipe,
		"facts":   osFacts,
		"closed":  osClosed,
	})
}

func osArgs() { say(len(os.Args), strings.Join(os.Args[2:], "|")) }

func osEnv() {
	os.Setenv("DEFERSCOPE_CASE", "set")
	v, ok := os.LookupEnv("DEFERSCOPE_NOT_SET")
	say(os.Getenv("DEFERSCOPE_CASE"), v, ok, os.ExpandEnv("<$DEFERSCOPE_CASE>"))
}

func osStdin() {
	b, err := ioutil.ReadAll(os.Stdin)
	say(len(b), strings.Count(string(b), "\n"), err == nil)
	os.Stdout.Write(b)
}

func osMissing() {
	_, err := os.Open("/nonexistent/file")
	say(err, os.IsNotExist(err))
	_, err = os.Stat("")
	say(err)
}

func osPipe() {
	r, w, err := os.Pipe()
	if err != nil {
		say(err)
		return
	}
	go func() {
		defer w.Close()
		for i := 0; i < 3; i++ {
			w.WriteString("through the kernel\n")
			time.Sleep(time.Millisecond)
		}
	}()
	b, err := ioutil.ReadAll(r)
	say(len(b), err == nil)
	_, err = r.Read(make([]byte, 1))
	say(err == io.EOF)
}

func osFacts() {
	say("addr facts", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), os.Getpagesize(), os.Getpid() > 0)
	dir, err := os.Getwd()
	say(dir != "", err == nil)
}

func osClosed() {
	r, w, _ := os.Pipe()
	w.Close()
	_, err := w.Write([]byte("x"))
	say(strings.Contains(err.Error(), "file already closed"))
	r.Close()
	say(r.Close() != nil)
}
