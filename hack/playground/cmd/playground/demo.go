package main

import "context"

func runDemo(context.Context, []string) (int, error) { return 0, nil }
