package demo

import (
	"slices"
	"testing"
)

func TestNeeded(t *testing.T) {
	for _, c := range []struct {
		percent float64
		want    int
	}{
		{0, atLeast},
		{1, atLeast},
		{5, atLeast},
		{25, 3334},
		{50, 4445},
		{75, 3334},
		{100, atLeast},
	} {
		if got := needed(c.percent); got != c.want {
			t.Errorf("needed(%v) = %d, want %d", c.percent, got, c.want)
		}
	}
}

func TestProblemsOfAMeasurement(t *testing.T) {
	for _, c := range []struct {
		name string
		m    measurement
		want []string
	}{
		{
			name: "a share on the edge of the tolerance is right",
			m:    measurement{version: "v2", wanted: 25, got: counts{plain: map[string]int{"v1": 720, "v2": 280}}},
		},
		{
			name: "a share beyond it is wrong",
			m:    measurement{step: "25 %", version: "v2", wanted: 25, got: counts{plain: map[string]int{"v1": 719, "v2": 281}}},
			want: []string{"25 %: v2 got 28.10 % of 1000 requests, wanted 25 %: more than 3 points off"},
		},
		{
			name: "below it too",
			m:    measurement{step: "100 %", version: "v2", wanted: 100, got: counts{plain: map[string]int{"v1": 4, "v2": 96}}},
			want: []string{"100 %: v2 got 96.00 % of 100 requests, wanted 100 %: more than 3 points off"},
		},
		{
			name: "no answers are no proof, even of a share of nothing",
			m:    measurement{step: "aborted", version: "v3"},
			want: []string{"aborted: no request was answered"},
		},
		{
			name: "all with the header go to the new version",
			m:    measurement{version: "v2", beta: true, got: counts{plain: map[string]int{"v1": 9}, beta: map[string]int{"v2": 7}}},
		},
		{
			name: "one with the header went elsewhere",
			m: measurement{
				step: "header route", version: "v2", beta: true,
				got: counts{plain: map[string]int{"v1": 9}, beta: map[string]int{"v1": 1, "v2": 6}},
			},
			want: []string{"header route: 1 of 7 requests with X-Beta were not answered by v2"},
		},
		{
			name: "none with the header was answered",
			m:    measurement{step: "header route", version: "v2", beta: true, got: counts{plain: map[string]int{"v1": 9}}},
			want: []string{"header route: 0 of 0 requests with X-Beta were not answered by v2"},
		},
	} {
		if got := c.m.problems(); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}
