from app.database import Database
from app.domain import accounts
from app.seeding.demo import NAME, UNFINISHED, make_demo
from app.seeding.seed import seed


async def test_a_demo_whose_making_was_interrupted_is_made_anew_and_a_complete_one_is_kept(database: Database) -> None:
    await seed(database, UNFINISHED, 60)
    await make_demo(database, 80, None)
    made = await accounts.by_name(database, NAME)
    assert made is not None
    assert await accounts.by_name(database, UNFINISHED) is None
    [row] = await database.fetch("SELECT count(*) FROM candidate WHERE account_id = $1", made.id)
    assert row["count"] == 80
    await make_demo(database, 90, None)
    assert await accounts.by_name(database, NAME) == made
