// Command defer1 is the one deferred closure that the articles take apart.
package main

import "fmt"

func main() {
	defer func() { fmt.Println("defer") }()
}
