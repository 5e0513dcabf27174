package demo

import (
	"strings"
	"testing"
	"time"
)

func TestSummary(t *testing.T) {
	right := measurement{
		step: "25 %", version: "v2", wanted: 25, beta: true,
		got: counts{plain: map[string]int{"v1": 2500, "v2": 834}, beta: map[string]int{"v2": 170}},
	}
	wrong := measurement{step: "aborted", version: bad, got: counts{plain: map[string]int{"v2": 960, bad: 40}}}
	for _, c := range []struct {
		name    string
		results []measurement
		totals  totals
		kept    bool
		want    string
	}{
		{
			name:    "all promises are kept",
			results: []measurement{right},
			totals:  totals{sent: 4000, ownErrors: 12},
			kept:    true,
			want: `
step          version    wanted  measured   off by  requests   with X-Beta
25 %          v2           25 %   25.01 %    +0.01      3334   170 of 170

4000 requests sent, 0 failed; besides, 12 got the errors that v3 makes itself
PASSED: no request failed, and each share was within 3 points of the wanted one
`,
		},
		{
			name:    "none is",
			results: []measurement{wrong},
			totals:  totals{sent: 4000, failed: 1, failures: []failure{{time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), "503 of v2"}}},
			want: `
step          version    wanted  measured   off by  requests   with X-Beta
aborted       v3            0 %    4.00 %    +4.00      1000   -

4000 requests sent, 1 failed; besides, 0 got the errors that v3 makes itself
  failed at 03:04:05.006: 503 of v2
FAILED:
  1 of 4000 requests failed
  aborted: v3 got 4.00 % of 1000 requests, wanted 0 %: more than 3 points off
`,
		},
	} {
		var out strings.Builder
		summarize(&out, c.results, c.totals)
		if kept := conclude(&out, judge(c.results, c.totals)); kept != c.kept {
			t.Errorf("%s: kept %v", c.name, kept)
		}
		if out.String() != c.want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", c.name, out.String(), c.want)
		}
	}
}
