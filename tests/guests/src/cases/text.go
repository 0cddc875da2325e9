//go:build !small
// +build !small

// Strings, bytes, fmt, sort and other parts of the library that make no difference between systems.
package main

import (
	"bufio"
	"bytes"
	"container/heap"
	"container/list"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"reflect"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"
)

func init() {
	add("text", map[string]func(){
		"search":  textSearch,
		"change":  textChange,
		"builder": textBuilder,
		"utf8":    textUTF8,
		"bytes":   textBytes,
		"compare": textCompare,
		"long":    textLong,
		"scanner": textScanner,
		"table":   textTable,
		"append":  textAppend,
	})
	add("fmt", map[string]func(){
		"verbs":    fmtVerbs,
		"values":   fmtValues,
		"errors":   fmtErrors,
		"scan":     fmtScan,
		"stringer": fmtStringer,
		"panics":   fmtPanics,
	})
	add("sort", map[string]func(){
		"ints":   sortInts,
		"slice":  sortSlice,
		"stable": sortStable,
		"search": sortSearch,
		"heap":   sortHeap,
		"list":   sortList,
	})
	add("lib", map[string]func(){
		"crc":     libCRC,
		"binary":  libBinary,
		"reflect": libReflect,
		"time":    libTime,
		"pipe":    libPipe,
	})
}

const pangram = "The quick brown fox jumps over the lazy dog; "

func textSearch() {
	text := strings.Repeat(pangram, 20)
	for _, s := range []string{"fox", "dog; The", "z", "", "missing", "The quick brown fox jumps over the lazy dog; The quick brown fox jumps over the lazy dog; The"} {
		say(strings.Index(text, s), strings.LastIndex(text, s), strings.Count(text, s), strings.Contains(text, s), strings.HasPrefix(text, s))
	}
	say(strings.IndexByte(text, 'q'), strings.IndexAny(text, "xyz"), strings.IndexRune(text, 'z'), strings.IndexFunc(text, unicode.IsPunct), strings.LastIndexByte(text, 'T'))
	for n := 0; n < 70; n += 9 {
		say(strings.Index(strings.Repeat("a", n)+"b", "ab"), bytes.IndexByte(append(make([]byte, n), 1), 1))
	}
}

func textChange() {
	say(strings.ToUpper(pangram), strings.Title("two words"), strings.Replace(pangram, "o", "0", 2), strings.TrimRight(pangram, "; "))
	say(strings.Join(strings.Fields("  a b   c "), "-"), len(strings.Split(pangram, "o")), strings.Trim("xxhixx", "x"), strings.TrimSuffix("a.go", ".go"))
	say(strings.Map(func(r rune) rune {
		if r == 'o' {
			return -1
		}
		return unicode.ToUpper(r)
	}, pangram), strings.EqualFold("Straße", "STRAßE"))
	say(strings.NewReplacer("quick", "slow", "brown", "red", "x", "ks").Replace(pangram))
}

func textBuilder() {
	var b strings.Builder
	for i := 0; i < 100; i++ {
		fmt.Fprintf(&b, "%d,", i)
		b.WriteByte('a' + byte(i%26))
	}
	say(b.Len(), b.String()[100:140])
}

func textUTF8() {
	text := "aé世界🙂\xff"
	for i, r := range text {
		say(i, int(r), string(r) == "\ufffd")
	}
	say(len(text), utf8.RuneCountInString(text), utf8.ValidString(text), len([]rune(text)), string([]rune("héllo")[1:3]))
	say(unicode.IsUpper('É'), unicode.IsLetter('世'), unicode.IsSpace('\u2003'), string(unicode.ToLower('Ω')))
}

func textBytes() {
	a, b := []byte("hello world"), []byte("hello")
	say(bytes.Equal(a[:5], b), bytes.Compare(a, b), bytes.Contains(a, []byte("lo w")), string(bytes.ToUpper(a)))
	var buf bytes.Buffer
	buf.Write(a)
	buf.WriteString(" again")
	line, err := buf.ReadString(' ')
	say(line, err == nil, buf.Len())
	copy(a[2:], a)
	say(string(a))
}

func textCompare() {
	words := []string{"", "a", "ab", "abc", "b", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyy"}
	for i, a := range words {
		for _, b := range words[i:] {
			say(a < b, a == b, strings.Compare(a, b))
		}
	}
}

func textLong() {
	s := strings.Repeat("0123456789", 10000)
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	say(len(s), string(b[:10]), s == string(b), bytes.Count(b, []byte("9")))
	say(s[:50000] == s[50000:], strings.LastIndex(s, "90"))
}

func textScanner() {
	sc := bufio.NewScanner(strings.NewReader("one two\nthree\n\nfour five six"))
	sc.Split(bufio.ScanWords)
	n := 0
	for sc.Scan() {
		n += len(sc.Text())
	}
	r := bufio.NewReader(strings.NewReader("line 1\nline 2"))
	l1, e1 := r.ReadString('\n')
	l2, e2 := r.ReadString('\n')
	say(n, len(l1), e1 == nil, l2, e2 == io.EOF)
}

func textTable() {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 1, '.', tabwriter.AlignRight)
	fmt.Fprintln(w, "a\tbbb\tc\t")
	fmt.Fprintln(w, "aaaa\tb\tccccc\t")
	w.Flush()
	say(b.String())
}

func textAppend() {
	var s []int
	for i := 0; i < 1000; i++ {
		s = append(s, i)
		if i%100 == 0 {
			s = append(s[:i/2], s[i/2:]...)
		}
	}
	t := append([]int(nil), s[3:7]...)
	s = append(s[:10], s[20:]...)
	say(len(s), s[10], t[0], len(append([]byte("x"), "yz"...)))
}

func fmtVerbs() {
	fmt.Printf("%5d|%-5d|%05d|%x|%X|%o|%#x|%b|%c|%q|%U\n", 42, 42, 42, 255, 255, 8, 255, 5, 'A', 'B', 0x1F600)
	fmt.Printf("%s|%10s|%-10s|%.2s|%q|%x|% x|%+q\n", "text", "text", "text", "text", "te\"xt", "text", "text", "é")
	fmt.Printf("%v|%+v|%#v|%T|%t|%v\n", point{1, 2}, point{1, 2}, point{1, 2}, point{}, true, &point{3, 4})
	fmt.Printf("%*d|%-*d|%[2]d %[1]d|%d %%|%!|%z\n", 5, 1, 4, 2, 3)
	fmt.Printf("%d %s\n", "wrong", 5)
	fmt.Printf("%6.2f|%e|%g|%8.3g|%+.1f\n", 3.14159, 31415.9, 1e-7, 1234.5678, 2.0)
}

type animal interface{ name() string }
type dog struct{ age int }

func (dog) name() string { return "dog" }

func fmtValues() {
	fmt.Println([]int{1, 2}, map[string]int{"b": 1, "a": 2}, [2]bool{true}, struct {
		A int
		B string
	}{1, "x"}, nil, []string{"a b", "c"}, []byte("hi"), 'x', 1.0, 1e100, complex(1, -2))
	fmt.Printf("%v %+v %#v\n", []interface{}{1, "a", nil, 2.5}, []animal{dog{3}}, map[int][]string{1: {"x"}, 0: nil})
	fmt.Printf("%v %v %t %v\n", error(nil), []error{errors.New("e")}, false, time.Duration(90)*time.Second)
}

func fmtErrors() {
	err := fmt.Errorf("context: %v", errors.New("cause"))
	say(err, fmt.Sprintf("%v|%s|%q", err, err, err))
}

func fmtScan() {
	var a, b int
	var s string
	var f float64
	n, err := fmt.Sscanf("10 20 word 2.5", "%d %d %s %g", &a, &b, &s, &f)
	say(n, err == nil, a, b, s, int(f*10))
	n, err = fmt.Sscan("7 x", &a, &b)
	say(n, err)
}

type celsius float64

func (c celsius) String() string { return fmt.Sprintf("%.1f degrees", float64(c)) }

type detailed struct{}

func (detailed) Format(f fmt.State, c rune) { fmt.Fprintf(f, "<%c>", c) }
func (detailed) GoString() string           { return "detailed" }

func fmtStringer() {
	fmt.Println(celsius(21.55), []celsius{1, 2}, map[string]celsius{"a": 3}, detailed{})
	fmt.Printf("%v %d %s\n", celsius(1), celsius(2), detailed{})
}

type panicky struct{ n *int }

func (p panicky) String() string { return fmt.Sprint(*p.n) }

type nilly struct{}

func (n *nilly) String() string { return "nilly" + string(rune((*[1]byte)(nil)[0])) }

// fmtPanics: fmt recovers panics of String methods by itself.
func fmtPanics() {
	fmt.Printf("%v %s\n", panicky{}, (*nilly)(nil))
}

func sortInts() {
	s := numbers(1000)
	sort.Ints(s)
	say(sort.IntsAreSorted(s), s[0], s[500], s[999])
	sort.Sort(sort.Reverse(sort.IntSlice(s)))
	say(s[0], s[999])
	f := sort.Float64Slice{3, 1, 2.5, -1}
	f.Sort()
	fmt.Println(f)
}

func sortSlice() {
	s := numbers(500)
	sort.Slice(s, func(i, j int) bool { return s[i]%1000 < s[j]%1000 || s[i]%1000 == s[j]%1000 && s[i] < s[j] })
	say(s[0], s[250], s[499])
	attempt("a less function that panics", func() {
		sort.Slice(s, func(i, j int) bool { panic("less") })
	})
}

func sortStable() {
	type item struct{ key, order int }
	var s []item
	for i, v := range numbers(300) {
		s = append(s, item{v % 10, i})
	}
	sort.SliceStable(s, func(i, j int) bool { return s[i].key < s[j].key })
	ok := true
	for i := 1; i < len(s); i++ {
		ok = ok && (s[i-1].key < s[i].key || s[i-1].order < s[i].order)
	}
	say(ok, s[0].order, s[299].order)
}

func sortSearch() {
	s := []int{1, 3, 5, 7, 9}
	say(sort.SearchInts(s, 5), sort.SearchInts(s, 6), sort.SearchInts(s, 100), sort.Search(1000, func(i int) bool { return i*i >= 5000 }))
}

type intHeap []int

func (h intHeap) Len() int            { return len(h) }
func (h intHeap) Less(i, j int) bool  { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)       { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(v interface{}) { *h = append(*h, v.(int)) }
func (h *intHeap) Pop() interface{} {
	old := *h
	v := old[len(old)-1]
	*h = old[:len(old)-1]
	return v
}

func sortHeap() {
	h := &intHeap{}
	for _, v := range numbers(100) {
		heap.Push(h, v%1000)
	}
	sum, last, ordered := 0, -1, true
	for i := 0; h.Len() > 0; i++ {
		v := heap.Pop(h).(int)
		ordered = ordered && v >= last
		last = v
		sum += v * i
	}
	say(sum, ordered)
}

func sortList() {
	l := list.New()
	for i := 0; i < 10; i++ {
		if i%2 == 0 {
			l.PushBack(i)
		} else {
			l.PushFront(i)
		}
	}
	text := ""
	for e := l.Front(); e != nil; e = e.Next() {
		text += fmt.Sprint(e.Value)
	}
	say(text)
}

func libCRC() {
	data := []byte(strings.Repeat(pangram, 30))
	h := fnv.New64a()
	h.Write(data)
	say(fmt.Sprintf("%08x %08x %016x", crc32.ChecksumIEEE(data), crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)), h.Sum64()))
	say(hex.EncodeToString(data[:8]))
}

func libBinary() {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], 0x0123456789abcdef)
	binary.BigEndian.PutUint32(b[8:], 0xdeadbeef)
	n := binary.PutUvarint(b[12:], 300)
	say(hex.EncodeToString(b[:]), n, int(binary.BigEndian.Uint16(b[3:])))
	var s struct {
		A uint16
		B int32
	}
	err := binary.Read(bytes.NewReader([]byte{1, 2, 3, 4, 5, 6}), binary.LittleEndian, &s)
	say(int(s.A), int(s.B), err == nil)
}

func libReflect() {
	t := reflect.TypeOf(outer{})
	say(t.NumField(), t.Field(0).Name, t.Kind() == reflect.Struct, reflect.TypeOf(&counter{}).NumMethod())
	v := reflect.ValueOf(&point{1, 2}).Elem()
	say(v.NumField(), int(v.Field(1).Int()), reflect.DeepEqual([]int{1, 2}, []int{1, 2}), reflect.DeepEqual(map[int]string{1: "a"}, map[int]string{1: "b"}))
	add := reflect.MakeFunc(reflect.TypeOf(func(int, int) int { return 0 }), func(in []reflect.Value) []reflect.Value {
		defer mark8(1)
		return []reflect.Value{reflect.ValueOf(int(in[0].Int() + in[1].Int()))}
	})
	say(add.Interface().(func(int, int) int)(3, 4))
	attempt("reflect panic", func() { reflect.ValueOf(1).Elem() })
	r := reflect.ValueOf(func(a int, b string, c float64, d ...int) (string, int) { return b, a + len(d) }).Call(
		[]reflect.Value{reflect.ValueOf(1), reflect.ValueOf("s"), reflect.ValueOf(1.5), reflect.ValueOf(2), reflect.ValueOf(3)})
	say(r[0].String(), int(r[1].Int()))
}

func libTime() {
	t := time.Date(2012, time.March, 28, 13, 45, 6, 123456789, time.UTC)
	say(t.Format(time.RFC3339Nano), t.Weekday(), t.YearDay(), t.Unix(), t.Add(36*time.Hour).Format("Jan 2 2006"))
	p, err := time.Parse(time.RFC1123, "Mon, 02 Jan 2006 15:04:05 UTC")
	say(p.Unix(), err == nil, t.Sub(p).Hours() > 0, time.Duration(3723004005006))
	d, err := time.ParseDuration("1h15m30.918s")
	say(d, err == nil, t.Truncate(time.Hour).Minute())
}

func libPipe() {
	r, w := io.Pipe()
	go func() {
		defer w.Close()
		for i := 0; i < 5; i++ {
			fmt.Fprintf(w, "line %d\n", i)
		}
	}()
	var b bytes.Buffer
	n, err := io.Copy(&b, r)
	say(int(n), err == nil, strings.Count(b.String(), "\n"))
}
