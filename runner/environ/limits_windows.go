package environ

// SystemLimits are those of SetEnvironmentVariable: 32,767 characters for one
// variable; the block as a whole has no limit since Windows Vista
// (https://learn.microsoft.com/windows/win32/procthread/environment-variables).
// Bytes are counted where Windows counts UTF-16 units, of which no string has
// more than bytes.
func SystemLimits() Limits { return Limits{String: 32767} }
