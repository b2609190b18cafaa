-- What the shop sells. A version is drawn anew, from one sequence for all products, at each write of the row: it guards the
-- row's update, and it tells a replica what others wrote since it last looked.
CREATE TABLE products (
    product_id TEXT PRIMARY KEY,
    name_en TEXT NOT NULL,
    name_ko TEXT NOT NULL,
    description_en TEXT NOT NULL,
    description_ko TEXT NOT NULL,
    category TEXT NOT NULL,
    -- ["tag", ...]
    tags TEXT NOT NULL,
    price_minor BIGINT NOT NULL CHECK (price_minor > 0),
    currency TEXT NOT NULL,
    weight_grams BIGINT NOT NULL CHECK (weight_grams > 0),
    -- Microseconds since 1970.
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE UNIQUE INDEX products_version ON products (version);

-- The last version drawn. Who draws holds the row until COMMIT, so versions become visible in their order and a reader who
-- saw one has seen all before it.
CREATE TABLE product_versions (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    last BIGINT NOT NULL
);
INSERT INTO product_versions (id, last) VALUES (1, 0);
