"""Cross-validate the recipes of `configs/experiments/campaign.yaml`.

python tools/experiments/campaign.py --data MSID --external EXTERNAL --out runs/campaign [NAME...]
"""

from experiment import command, cross_validate_runs


@command("campaign")
def main(**options):
    """Cross-validate recipes."""
    cross_validate_runs("campaign", lambda run, config, photos, folder: (photos, {}), **options)


if __name__ == "__main__":
    main()
