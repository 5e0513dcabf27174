package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// served is the split that the data plane has in force.
type served struct {
	stable, canary int
	header         bool // a route sends to the canary alone
}

// is tells whether a weight of 100 goes to the canary, and whether the header
// route is there.
func (s served) is(canary int, header bool) bool {
	return s == served{stable: 100 - canary, canary: canary, header: header}
}

// traefikService is one element of Traefik's own view of its configuration.
type traefikService struct {
	Weighted *struct {
		Services []struct {
			Name   string `json:"name"`
			Weight *int   `json:"weight"`
		} `json:"services"`
	} `json:"weighted"`
}

// servedBy asks Traefik itself, because the route's status is written a moment
// before the first request goes the new way.
func servedBy(ctx context.Context, api string) (served, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/api/http/services?per_page=100", nil)
	if err != nil {
		return served{}, fmt.Errorf("ask traefik: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return served{}, fmt.Errorf("ask traefik: %w", err)
	}
	defer response.Body.Close()
	var services []traefikService
	if err := json.NewDecoder(response.Body).Decode(&services); err != nil {
		return served{}, fmt.Errorf("read what traefik serves: %w", err)
	}
	return splitOf(services), nil
}

func splitOf(services []traefikService) served {
	var split served
	for _, s := range services {
		if s.Weighted == nil {
			continue
		}
		stable, canary, both := 0, 0, 0
		for _, b := range s.Weighted.Services {
			weight := 1
			if b.Weight != nil {
				weight = *b.Weight
			}
			switch {
			case strings.Contains(b.Name, "shop-stable"):
				stable, both = weight, both+1
			case strings.Contains(b.Name, "shop-canary"):
				canary, both = weight, both+1
			}
		}
		switch {
		case both == 2:
			split.stable, split.canary = stable, canary
		case canary > 0:
			split.header = true
		}
	}
	return split
}
