// instrument OUT FILE…: the same Go program, written to the folder OUT with a file said__.go, but it says what its defers do as they do it: lines on standard error that begin
// with @@.
//
//	@@ goroutine push FILE:LINE      a defer statement has registered its call; pushlit: it is that of a function literal
//	@@ goroutine run FILE:LINE       a deferred function literal begins
//	@@ goroutine panic FILE:LINE     the builtin panic is about to be called
//	@@ goroutine recover FILE:LINE   recover has returned something
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
	"path/filepath"
	"sort"
	"strconv"
)

const saying = `
import said_runtime__ "runtime"

func said__(what, line string) {
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
func said_panic__(v interface{}, line string) interface{} { said__("panic", line); return v }
func said_recover__(v interface{}, line string) interface{} {
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

// line is a Go string, quoted.
func line(n ast.Node) string {
	p := set.PositionFor(n.Pos(), false)
	return fmt.Sprintf("%q", filepath.Base(p.Filename)+":"+strconv.Itoa(p.Line))
}

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
			insert(lit.Body.Lbrace+1, ` said__("run", %s);`, line(n))
			what = "pushlit"
		}
		insert(n.End(), `; said__(%q, %s)`, what, line(n))
		called(n.Call)
		return false
	case *ast.GoStmt:
		called(n.Call)
		return false
	case *ast.CallExpr:
		if builtin(n, "panic", 1) {
			insert(n.Args[0].Pos(), "said_panic__(")
			insert(n.Args[0].End(), ", %s)", line(n))
		}
		if builtin(n, "recover", 0) {
			insert(n.Pos(), "said_recover__(")
			insert(n.End(), ", %s)", line(n))
		}
	}
	return true
}

func rewritten(path string) ([]byte, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(set, path, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	edits = nil
	ast.Inspect(file, visit)
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].at < edits[j].at })
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(append(out, source[done:e.at]...), e.text...)
		done = e.at
	}
	return append(out, source[done:]...), nil
}

func main() {
	out := os.Args[1]
	err := os.WriteFile(filepath.Join(out, "said__.go"), []byte("package main\n"+saying), 0o666)
	for _, path := range os.Args[2:] {
		var text []byte
		if err == nil {
			text, err = rewritten(path)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(out, filepath.Base(path)), text, 0o666)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
