package runner

const maxSignal = 64
