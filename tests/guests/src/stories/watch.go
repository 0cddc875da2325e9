// Kind: delve 1.8's watchpoints on stack variables: they follow a stack that grows, and end with their frame.
package main

//go:noinline
func growWatched(n int) (r int) {
	var a [256]int
	a[n%256] = n
	if n > 0 {
		r = growWatched(n - 1)
	}
	return r + a[n%256]
}

//go:noinline
func count() (total int) {
	seen := 1
	defer func() {
		recover()
		growWatched(20)
		seen += 10
		total = seen
	}()
	var m map[int]int
	m[seen] = 2
	return 5
}

func watchCase() {
	say(count())
}
