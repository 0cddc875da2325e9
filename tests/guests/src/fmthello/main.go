// Command fmthello prints through fmt and os.
package main

import "fmt"

func main() {
	fmt.Println("hello", 42, 1.5, "world")
}
