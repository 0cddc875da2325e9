// Command hello is the smallest guest: no package but runtime.
package main

func main() {
	println("hello")
}
