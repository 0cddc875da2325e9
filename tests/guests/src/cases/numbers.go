//go:build !small
// +build !small

// Integers, floating point, complex and big numbers.
package main

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/cmplx"
	"math/rand"
	"strconv"
)

func init() {
	add("num", map[string]func(){
		"integers": numIntegers,
		"shifts":   numShifts,
		"bits":     numBits,
		"floats":   numFloats,
		"special":  numSpecial,
		"convert":  numConvert,
		"math":     numMath,
		"complex":  numComplex,
		"format":   numFormat,
		"parse":    numParse,
		"bigint":   numBigInt,
		"bigrat":   numBigRat,
		"bigfloat": numBigFloat,
		"random":   numRandom,
		"float32":  numFloat32,
	})
}

var small1, small2 int8 = 127, -128

func numIntegers() {
	a, b := small1, small2
	a++
	b--
	say(int(a), int(b), int(uint8(b)), int(int16(small1)*300))
	u := uint32(math.MaxUint32) - uint32(zero)
	say(fmt.Sprint(u+2, u*u, -u, ^u, u/7, u%7))
	h := uint64(1469598103934665603)
	for i := 0; i < 1000; i++ {
		h = (h ^ uint64(i)) * 1099511628211
	}
	say(fmt.Sprintf("%x %d %d", h, int64(h)/1000, int64(h)%-777))
	for _, d := range []int{1, 2, 3, 7, 10, 1000, -5} {
		say(123456789/d, -123456789/d, 123456789%d, -123456789%d)
	}
}

func numShifts() {
	for _, s := range []uint{0, 1, 31, 32, 33, 63, 64, 65, 200} {
		i, u, w := int64(-0x123456789abcdef), uint64(0xfedcba9876543210), int32(-0x12345678)
		say(fmt.Sprintf("%x %x %x %x %x", i>>s, u<<s, u>>s, w<<s, w>>s))
	}
}

func numBits() {
	for _, v := range []uint64{0, 1, 0x8000000000000000, 0x123456789abcdef, math.MaxUint64} {
		say(bits.LeadingZeros64(v), bits.TrailingZeros64(v), bits.OnesCount64(v), bits.Len64(v))
		say(fmt.Sprintf("%x %x %x", bits.Reverse64(v), bits.ReverseBytes64(v), bits.RotateLeft64(v, 13)))
		hi, lo := bits.Mul64(v, v^0xff)
		s, c := bits.Add64(v, v, 1)
		d, e := bits.Sub64(v, hi, 1)
		say(fmt.Sprintf("%x %x %x %x %x %x", hi, lo, s, c, d, e))
	}
	q, r := bits.Div64(5, 17, 1000)
	say(fmt.Sprint(q, r))
	attempt("quotient overflow", func() { bits.Div64(5, 1, uint64(five)) })
	attempt("divide by zero", func() { bits.Div64(0, 1, uint64(zero)) })
}

func numFloats() {
	x, sum := 0.1, 0.0
	for i := 0; i < 100; i++ {
		sum += x
		x = x*1.0001 - 0.00001
	}
	say(strconv.FormatFloat(sum, 'g', -1, 64), strconv.FormatFloat(x, 'x'-'x'+'e', 20, 64))
	say(fmt.Sprint(math.Sqrt(2), math.Floor(-1.5), math.Ceil(1.2), math.Trunc(-2.7), math.Abs(-3), math.Mod(10.5, 3), math.Max(1, 2), math.Min(math.NaN(), 1)))
	say(fmt.Sprint(math.Hypot(3, 4), math.Remainder(10, 3), math.RoundToEven(2.5), math.Round(2.5), math.Copysign(3, -1)))
}

func numSpecial() {
	inf, nan, tinyest := math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64
	say(fmt.Sprint(inf-inf, inf*0, -inf, nan == nan, nan < 1, nan > 1, nan != nan, inf > math.MaxFloat64))
	negative := math.Copysign(0, -1)
	say(fmt.Sprint(tinyest, tinyest/2, tinyest*0.75, negative, 1/negative, negative == 0, math.Signbit(negative)))
	say(fmt.Sprint(math.MaxFloat64*float64(five), -math.MaxFloat64*float64(five), math.Float64frombits(1), math.Float32frombits(1)))
	f, e := math.Frexp(tinyest)
	i, frac := math.Modf(-3.25)
	say(fmt.Sprint(f, e, i, frac, math.Ldexp(0.5, -1073), math.Nextafter(1, 2), math.IsNaN(math.Sqrt(-1)), math.IsNaN(math.Log(-1))))
}

func numConvert() {
	for _, f := range []float64{0, -0.5, 1.5, 2.5, -2.5, 1e9, 4294967295.5, 9.2e18, 1e-310} {
		say(fmt.Sprint(int64(f), int32(int64(f)), uint8(int64(f)), float32(f)))
	}
	for _, i := range []int64{0, 1, -1, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64} {
		say(fmt.Sprint(float64(i), float32(i), float64(uint64(i)), float32(uint64(i)), float64(int32(i)), float64(uint32(i))))
	}
	for _, u := range []float64{0, 1.9, 9.3e18, 1.8e19} {
		say(fmt.Sprint(uint64(u)))
	}
}

func numMath() {
	for _, x := range []float64{0.1, 0.5, 1, 2.718, 10, 123.456} {
		say(fmt.Sprintf("%.12g %.12g %.12g %.12g %.12g %.12g", math.Sin(x), math.Cos(x), math.Tan(x), math.Exp(x/10), math.Log(x), math.Pow(x, 1.7)))
		say(fmt.Sprintf("%.12g %.12g %.12g %.12g %.12g", math.Atan(x), math.Sinh(x/50), math.Cbrt(x), math.Gamma(x/9), math.Erf(x)))
	}
}

func numComplex() {
	a, b := complex(1, 2), complex(-3, 0.5)
	say(fmt.Sprint(a*b, a+b, a-b, a == b, real(a/b) < 0))
	say(fmt.Sprintf("%.10f %.10f", cmplx.Abs(a), cmplx.Sqrt(b)))
	z, n := complex(0, 0), 0
	for ; n < 100 && real(z)*real(z)+imag(z)*imag(z) < 4; n++ {
		z = z*z + complex(-0.4, 0.61)
	}
	say("steps", n)
}

func numFormat() {
	for _, f := range []float64{0, 1, 1.0 / 3, 1e21, 1e20, 123456789, 5e-324, 1.7976931348623157e308, 0.000001, 2.5} {
		say(fmt.Sprintf("%v %g %e %f %.3f %8.2f|%-10.1f|%+g %G", f, f, f, f, f, f, f, f, f))
	}
	for _, i := range []int64{0, 1, -1, 255, math.MaxInt64, math.MinInt64} {
		say(fmt.Sprintf("%d %x %X %o %b %c %q %U %08d %+d", i, i, i, i, i, i&0x3ff, i&0x3ff, i&0xffff, i, i))
	}
}

func numParse() {
	for _, s := range []string{"0", "-17", "9223372036854775807", "9223372036854775808", "1e5", "0x1f", "", "12a", "1.5e-3", "NaN", "-Inf", "1e400",
		"3.141592653589793238462643383279", "2.2250738585072011e-308", "4.35", "0.1e-400"} {
		i, e1 := strconv.ParseInt(s, 0, 64)
		f, e2 := strconv.ParseFloat(s, 64)
		say(fmt.Sprintf("%q %d %v %v %v", s, i, e1, f, e2))
	}
	b, err := strconv.ParseBool("maybe")
	say(b, err)
	u, err := strconv.Unquote(`"a\tb\u00e9\x41"`)
	say(u, err == nil, strconv.Quote("é\n\x00"))
}

func numBigInt() {
	f := big.NewInt(1)
	for i := int64(2); i <= 60; i++ {
		f.Mul(f, big.NewInt(i))
	}
	say(f.String())
	a, b := big.NewInt(0), big.NewInt(1)
	for i := 0; i < 500; i++ {
		a.Add(a, b)
		a, b = b, a
	}
	say(a.String())
	p, _ := new(big.Int).SetString("170141183460469231731687303715884105727", 10)
	say(p.ProbablyPrime(10), new(big.Int).Exp(big.NewInt(3), f, p).String(), new(big.Int).ModInverse(big.NewInt(12345), p).String())
	q, r := new(big.Int).QuoRem(f, p, new(big.Int))
	say(q.String(), r.Text(36), new(big.Int).GCD(nil, nil, f, big.NewInt(1<<40)).String(), new(big.Int).Sqrt(f).String())
	attempt("division", func() { new(big.Int).Div(f, new(big.Int)) })
	say(new(big.Int).Lsh(p, 300).BitLen(), new(big.Int).Rsh(f, 100).String(), f.Cmp(p))
}

func numBigRat() {
	sum := new(big.Rat)
	for i := int64(1); i <= 30; i++ {
		sum.Add(sum, big.NewRat(1, i))
	}
	say(sum.String(), sum.FloatString(30))
}

func numBigFloat() {
	x := new(big.Float).SetPrec(200).SetInt64(2)
	y := new(big.Float).SetPrec(200).Sqrt(x)
	say(y.Text('f', 50))
	z := new(big.Float).SetPrec(100).Quo(big.NewFloat(1), big.NewFloat(3))
	say(z.Text('g', 30), z.Cmp(y))
}

func numRandom() {
	r := rand.New(rand.NewSource(42))
	say(r.Intn(1000), r.Int63(), fmt.Sprint(r.Float64(), r.Perm(8), r.NormFloat64()))
}

func numFloat32() {
	x, sum := float32(0.1), float32(0)
	for i := 0; i < 50; i++ {
		sum += x
		x *= 1.1
	}
	say(fmt.Sprint(sum, x, float64(sum), float32(math.Sqrt(float64(x))), x/3, int32(sum)))
}
