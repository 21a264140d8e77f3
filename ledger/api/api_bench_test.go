package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// lines500 are events that name 500 devices each.
func lines500(push string, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		devices := make([]string, 500)
		for j := range devices {
			devices[j] = fmt.Sprintf("device-token-of-%08d", i*500+j)
		}
		b.WriteString(fact("push.sent", push, "fcm", devices...) + "\n")
	}
	return b.Bytes()
}

// BenchmarkHolders streams the holders of a push through HTTP.
func BenchmarkHolders(b *testing.B) {
	n := start(b, options{})
	const events = 400
	a, err := n.client("", "").Publish(context.Background(), TypeNDJSON, bytes.NewReader(lines500("p", events)))
	if err != nil {
		b.Fatal(err)
	}
	if err := n.Part.Local.Wait(context.Background(), a.Position[0].Seq); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		resp, err := http.Get(n.HTTP.URL + "/v1/pushes/p/holders")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
	}
	b.ReportMetric(float64(b.N)*events*500/b.Elapsed().Seconds(), "holders/s")
}

// BenchmarkPublish stores packed facts through HTTP until they are durable.
func BenchmarkPublish(b *testing.B) {
	n := start(b, options{})
	body := lines500("p", 400)
	b.SetBytes(int64(len(body)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := n.client("", "").Publish(context.Background(), TypeNDJSON, bytes.NewReader(body)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)*400*500/b.Elapsed().Seconds(), "facts/s")
}
