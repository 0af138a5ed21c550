#!/bin/sh
scratch=$(mktemp)
sops encrypt --filename-override apps/policy.sops.yaml "$scratch" > apps/policy.sops.yaml
