package node

import "testing"

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name             string
		success, failure int32
		results, want    string // one letter per probe: + or -
	}{
		{"one success is enough", 1, 3, "-+", "-+"},
		{"so many in a row make it ready", 2, 1, "+-++", "---+"},
		{"a few failures are forgiven", 1, 3, "+--+--", "++++++"},
		{"so many in a row make it unready", 1, 3, "+---+", "+++-+"},
	} {
		v, got := verdict{success: c.success, failure: c.failure}, ""
		for _, r := range c.results {
			if v.add(r == '+') {
				got += "+"
			} else {
				got += "-"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s gives %s, want %s", c.name, c.results, got, c.want)
		}
	}
}
