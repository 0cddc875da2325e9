// Command hello is the project of docs/ci.md: what panics in a request is an error of that request.
package main

import "fmt"

func handle(request string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %v", request, r)
		}
	}()
	defer fmt.Println("done:", request)
	if request == "bad" {
		panic("no such request")
	}
	return nil
}

func main() {
	for _, request := range []string{"good", "bad"} {
		fmt.Println(request, handle(request))
	}
}
