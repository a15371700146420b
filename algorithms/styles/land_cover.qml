<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16-Białowieża" styleCategories="Symbology|Labeling">
  <pipe-data-defined-properties>
    <Option type="Map">
      <Option type="QString" name="name" value=""/>
      <Option name="properties"/>
      <Option type="QString" name="type" value="collection"/>
    </Option>
  </pipe-data-defined-properties>
  <pipe>
    <provider>
      <resampling zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" enabled="false" maxOversampling="2"/>
    </provider>
    <rasterrenderer type="paletted" band="1" alphaBand="-1" opacity="1" nodataColor="">
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
        <cumulativeCutLower>0.02</cumulativeCutLower>
        <cumulativeCutUpper>0.98</cumulativeCutUpper>
        <stdDevFactor>2</stdDevFactor>
      </minMaxOrigin>
      <colorPalette>
        <paletteEntry alpha="255" value="1" color="#efe08a" label="cropland"/>
        <paletteEntry alpha="255" value="2" color="#2e7d46" label="forest"/>
        <paletteEntry alpha="255" value="3" color="#8aa866" label="shrub"/>
        <paletteEntry alpha="255" value="4" color="#bcd67c" label="grassland"/>
        <paletteEntry alpha="255" value="5" color="#4a90c8" label="water"/>
        <paletteEntry alpha="255" value="6" color="#f4f7fa" label="snow and ice"/>
        <paletteEntry alpha="255" value="7" color="#c9b49a" label="barren"/>
        <paletteEntry alpha="255" value="8" color="#c0504d" label="impervious"/>
        <paletteEntry alpha="255" value="9" color="#6fb8b0" label="wetland"/>
        <paletteEntry alpha="255" value="11" color="#4d4d4d" label="open pit"/>
        <paletteEntry alpha="255" value="12" color="#7d6b5d" label="mine dump"/>
        <paletteEntry alpha="255" value="13" color="#a08a78" label="mine subsidence"/>
        <paletteEntry alpha="255" value="14" color="#8b5a8c" label="mine plant"/>
        <paletteEntry alpha="255" value="15" color="#9bc27e" label="restored mine"/>
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" colorizeGreen="128" colorizeBlue="128" colorizeStrength="100" colorizeRed="255" invertColors="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
