// Command infuse starts a program with its team's Infisical secrets in its environment.
package main

func main() {}
