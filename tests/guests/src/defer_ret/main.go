// Command defer_ret asks what a deferred closure can still change after "return": a named result (through the result's own
// slot), a local that was already copied to the result, a named result set by the return statement itself.
package main

//go:noinline
func namedThenReturned(start int) (result int) {
	result = start
	defer func() { result += 3 }()
	return result
}

//go:noinline
func localOnly(start int) int {
	local := start
	defer func() { local += 3 }()
	return local
}

//go:noinline
func setByReturn(step int) (result int) {
	defer func() { result += step }()
	return 2
}

func main() {
	println(namedThenReturned(1), localOnly(1), setByReturn(1))
}
