// Go and C in one program: cgo CASE… runs the named cases, `list` names them. What each prints is the same in every
// release, natively and under deferscope.
package main

import (
	"fmt"
	"os"
	"sort"
	"syscall"
)

var cases = map[string]func(){
	"call":           call,
	"callback":       callback,
	"deep":           deep,
	"panic-callback": panicInCallback,
	"panic-through":  panicThroughC,
	"goexit":         goexitThroughC,
	"threads":        threads,
	"tls":            threadLocal,
	"signal":         signalInC,
	"fault-go":       faultInGo,
	"fault-callback": faultInCallback,
	"dlopen":         dlopen,
	"memory":         memory,
	"stack":          bigStackInC,
	"many":           many,
	"refused":        refused,
}

// What no guest gets, and nobody gets here.
func refused() {
	_, err := os.Stat("/bin/no-such-program")
	fmt.Println(err != nil)
	fmt.Println(syscall.Exec("/no/such/program", nil, nil) != nil)
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	fmt.Println(err)
	fmt.Println(syscall.Connect(s, &syscall.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}))
}

func main() {
	defer fmt.Println("end")
	for _, name := range os.Args[1:] {
		if name == "list" {
			var names []string
			for n := range cases {
				names = append(names, n)
			}
			sort.Strings(names)
			for _, n := range names {
				fmt.Println(n)
			}
			continue
		}
		fmt.Println("case", name)
		cases[name]()
	}
}
