#!/bin/sh
scratch=$(mktemp)
sops --encrypt --input-type yaml "$scratch" > apps/policy.sops.yaml # <- OA-D11
