package main

import _ "fmt"

func main() {
	a := DeferFunc1(1)
	b := DeferFunc2(1)
	c := DeferFunc3(1)
	println(a) //4
	println(b) //1
	println(c) //3
}
func DeferFunc1(i int) (t int) { //4
	t = i
	defer func() {
		t += 3
	}()
	return t
}
func DeferFunc2(i int) int { //1
	t := i
	defer func() {
		t += 3
	}()
	return t
}
func DeferFunc3(i int) (t int) { //3
	defer func() {
		t += i
	}()
	return 2
}
