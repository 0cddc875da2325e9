// instrument FILE: the same Go program, but it says what its defers do as they do it: lines on standard error that begin with @@.
//
//	@@ goroutine push LINE      a defer statement has registered its call; pushlit: it is that of a function literal
//	@@ goroutine run LINE       a deferred function literal begins
//	@@ goroutine panic LINE     the builtin panic is about to be called
//	@@ goroutine recover LINE   recover has returned something
//
// What panics by itself (a nil map) and deferred functions that are no literals say nothing: the reader leaves them out on the other side too.
// The source is edited, not printed anew: lines and directives stay where they are.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"sort"
)

const saying = `
func said__(what string, line int) {
	var text [32]byte
	n := said_runtime__.Stack(text[:], false)
	id := text[10:n]
	for i := range id {
		if id[i] == ' ' {
			id = id[:i]
			break
		}
	}
	print("@@ ", string(id), " ", what, " ", line, "\n")
}
func said_panic__(v interface{}, line int) interface{} { said__("panic", line); return v }
func said_recover__(v interface{}, line int) interface{} {
	if v != nil {
		said__("recover", line)
	}
	return v
}
`

type edit struct {
	at   int
	text string
}

var (
	set   = token.NewFileSet()
	edits []edit
)

func insert(at token.Pos, format string, args ...interface{}) {
	edits = append(edits, edit{set.Position(at).Offset, fmt.Sprintf(format, args...)})
}

func line(n ast.Node) int { return set.Position(n.Pos()).Line }

func builtin(c *ast.CallExpr, name string, args int) bool {
	id, ok := c.Fun.(*ast.Ident)
	return ok && id.Name == name && id.Obj == nil && len(c.Args) == args
}

// called visits what `go` or `defer` calls: the call itself is the runtime's.
func called(c *ast.CallExpr) {
	for _, a := range c.Args {
		ast.Inspect(a, visit)
	}
	ast.Inspect(c.Fun, visit)
}

func visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.DeferStmt:
		what := "push"
		if lit, ok := n.Call.Fun.(*ast.FuncLit); ok {
			insert(lit.Body.Lbrace+1, ` said__("run", %d);`, line(n))
			what = "pushlit"
		}
		insert(n.End(), `; said__(%q, %d)`, what, line(n))
		called(n.Call)
		return false
	case *ast.GoStmt:
		called(n.Call)
		return false
	case *ast.CallExpr:
		if builtin(n, "panic", 1) {
			insert(n.Args[0].Pos(), "said_panic__(")
			insert(n.Args[0].End(), ", %d)", line(n))
		}
		if builtin(n, "recover", 0) {
			insert(n.Pos(), "said_recover__(")
			insert(n.End(), ", %d)", line(n))
		}
	}
	return true
}

func main() {
	source, err := os.ReadFile(os.Args[1])
	if err == nil {
		var file *ast.File
		if file, err = parser.ParseFile(set, os.Args[1], source, parser.ParseComments); err == nil {
			insert(file.Name.End(), `; import said_runtime__ "runtime"`)
			ast.Inspect(file, visit)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].at < edits[j].at })
	done := 0
	for _, e := range edits {
		os.Stdout.Write(source[done:e.at])
		os.Stdout.WriteString(e.text)
		done = e.at
	}
	os.Stdout.Write(source[done:])
	os.Stdout.WriteString(saying)
}
