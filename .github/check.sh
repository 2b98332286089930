#!/usr/bin/env bash
# Check what only the hosting service runs or reads: workflows by actionlint, the other files by their schemas.
set -euo pipefail
cd "$(dirname "$0")/.."
schemas=${1:-https://json.schemastore.org}
actionlint
check-jsonschema --schemafile "$schemas/github-workflow.json" .github/workflows/*.yml
check-jsonschema --schemafile "$schemas/dependabot-2.0.json" .github/dependabot.yml
check-jsonschema --schemafile "$schemas/github-issue-forms.json" .github/ISSUE_TEMPLATE/[0-9]*.yml
check-jsonschema --schemafile "$schemas/github-issue-config.json" .github/ISSUE_TEMPLATE/config.yml
check-jsonschema --schemafile "${2:-https://raw.githubusercontent.com/citation-file-format/citation-file-format/1.2.0/schema.json}" \
    --default-filetype yaml CITATION.cff
