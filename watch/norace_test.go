//go:build !race

package watch_test

const underRaceDetector = false
