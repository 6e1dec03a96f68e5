package creds

import "context"

type workload struct{ *input }

func (*workload) Name() string { return "workload identity" }

func (w *workload) Retrieve(ctx context.Context) (Credential, error) { return Credential{}, nil }
