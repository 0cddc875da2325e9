// What a build for level v3 of amd64 executes: the compiler's BMI and FMA, the library's AVX2, signals and panics in
// between. One line a subject, the same from every build.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"math"
	"math/big"
	"math/bits"
	"runtime"
	"strings"
	"sync"
)

func noise(n int) []byte {
	out, x := make([]byte, n), uint64(88172645463325252)
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x)
	}
	return out
}

func hashes(data []byte) string {
	a, b := sha256.Sum256(data), sha512.Sum512(data)
	c, d := sha1.Sum(data), md5.Sum(data)
	return fmt.Sprintf("%x %x %x %x %08x %08x %08x", a[:8], b[:8], c[:8], d[:8], crc32.ChecksumIEEE(data),
		crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)), adler32.Checksum(data))
}

func searches(data []byte) string {
	n := 0
	for i := 0; i < 256; i += 17 {
		n = n*31 + bytes.IndexByte(data, byte(i)) + bytes.Count(data, []byte{byte(i)})
	}
	other := append([]byte{}, data...)
	equal := bytes.Equal(data, other)
	other[len(other)-3] ^= 1
	text := strings.Repeat("abcdefgh", 500) + "needle" + strings.Repeat("xyz", 99)
	return fmt.Sprint(n, equal, bytes.Equal(data, other), bytes.Compare(data, other), bytes.Index(data, data[9000:9040]),
		strings.Index(text, "needle"), strings.Index(text, "hab"), strings.Count(text, "gha"))
}

func encodings(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	back, err := base64.StdEncoding.DecodeString(text)
	return fmt.Sprint(len(text), text[len(text)-12:], err, bytes.Equal(data, back))
}

func numbers() string {
	p := new(big.Int).SetBytes(noise(128))
	p.SetBit(p, 0, 1)
	x := new(big.Int).Exp(new(big.Int).SetBytes(noise(100)), new(big.Int).SetBytes(noise(64)), p)
	f := new(big.Int).MulRange(1, 700)
	q, r := new(big.Int).QuoRem(f, p, new(big.Int))
	return fmt.Sprintf("%x %x", sha1.Sum(x.Bytes()), sha1.Sum(append(q.Bytes(), r.Bytes()...)))
}

func bitTricks(data []byte) string {
	var sum uint64
	for i := 0; i+8 <= len(data); i += 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		hi, lo := bits.Mul64(x, sum|1)
		sum = bits.RotateLeft64(sum, 9) ^ hi ^ lo
		sum += uint64(bits.TrailingZeros64(x)+bits.LeadingZeros32(uint32(x))+bits.OnesCount64(x)) + x&(x-1) ^ x&-x
		sum ^= x&^sum>>(x&63) + x<<(sum&63) + binary.BigEndian.Uint64(data[i:])
	}
	return fmt.Sprintf("%016x", sum)
}

// Nothing may be fused but what says FMA: releases differ in that.
func products() string {
	var a, b, c float64 = 0.1, 3, 1
	var d float32 = 0.7
	for i := 0; i < 1000; i++ {
		c = math.FMA(a, b, c) - math.Floor(c)
		a = float64(a*b) - math.Trunc(a) + math.Ceil(c)
		a -= math.RoundToEven(a)
		d = float32(d*1.5) - float32(int(d)) + float32(c)
	}
	return fmt.Sprintf("%x %x", math.Float64bits(math.FMA(a, b, c)), math.Float64bits(math.Sqrt(math.Abs(float64(d)))))
}

func sealed(data []byte) string {
	block, _ := aes.NewCipher(data[:32])
	gcm, _ := cipher.NewGCM(block)
	out := gcm.Seal(nil, data[32:44], data[:10000], data[50:70])
	back, err := gcm.Open(nil, data[32:44], out, data[50:70])
	return fmt.Sprintf("%x %v %v", sha256.Sum256(out), bytes.Equal(back, data[:10000]), err)
}

// Goroutines in the library's vector code while the collector stops them.
func together(data []byte) string {
	var all sync.WaitGroup
	sums := make([]int, 4)
	for g := range sums {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for i := 0; i < 20; i++ {
				h := sha256.Sum256(data[g*1000 : 60000+g*1000])
				sums[g] += bytes.Count(data, h[:1]) + bytes.IndexByte(data[g:], h[1])
			}
		}(g)
	}
	for i := 0; i < 5; i++ {
		runtime.GC()
		runtime.Gosched()
	}
	all.Wait()
	return fmt.Sprint(sums)
}

// A fault in the middle, and what the deferred function sees.
func recovered(x float64) (out string) {
	y := math.FMA(x, x, 1)
	defer func() {
		out = fmt.Sprint(recover(), " ", math.FMA(y, 2, x))
	}()
	var p *float64
	*p = y
	return "not reached"
}

func main() {
	data := noise(100000)
	fmt.Println("hashes", hashes(data))
	fmt.Println("searches", searches(data))
	fmt.Println("encodings", encodings(data))
	fmt.Println("numbers", numbers())
	fmt.Println("bits", bitTricks(data))
	fmt.Println("products", products())
	fmt.Println("sealed", sealed(data))
	fmt.Println("together", together(data))
	fmt.Println("recovered", recovered(1.25))
}
