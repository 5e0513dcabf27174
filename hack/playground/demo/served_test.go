package demo

import (
	"encoding/json"
	"testing"
)

func TestSplitOf(t *testing.T) {
	const balancers = `{"name":"default-shop-stable-http-80","loadBalancer":{"servers":[{"url":"http://10.244.0.2:8080"}]}},`
	for _, c := range []struct {
		name, services string
		want           served
	}{
		{"nothing is served yet", `[]`, served{}},
		{
			"weights",
			`[` + balancers + `{"weighted":{"services":[{"name":"default-shop-stable-http-80","weight":75},{"name":"default-shop-canary-http-80","weight":25}]}}]`,
			served{stable: 75, canary: 25},
		},
		{
			"weights of 0 are given",
			`[{"weighted":{"services":[{"name":"default-shop-stable-http-80","weight":100},{"name":"default-shop-canary-http-80","weight":0}]}}]`,
			served{stable: 100},
		},
		{
			"a route to the canary alone is the header route",
			`[{"weighted":{"services":[{"name":"default-shop-canary-http-80"}]}},
			  {"weighted":{"services":[{"name":"default-shop-stable-http-80","weight":95},{"name":"default-shop-canary-http-80","weight":5}]}}]`,
			served{stable: 95, canary: 5, header: true},
		},
	} {
		var services []traefikService
		if err := json.Unmarshal([]byte(c.services), &services); err != nil {
			t.Fatal(err)
		}
		if got := splitOf(services); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestServedIs(t *testing.T) {
	now := served{stable: 95, canary: 5, header: true}
	if !now.is(5, true) {
		t.Error("95:5 with a header route is not 5 with one")
	}
	for _, c := range []struct {
		canary int
		header bool
	}{{5, false}, {25, true}, {0, true}} {
		if now.is(c.canary, c.header) {
			t.Errorf("95:5 with a header route is %v", c)
		}
	}
	if (served{}).is(0, false) {
		t.Error("a data plane that serves nothing serves 100:0")
	}
}
